/** Longest NDEF message in bytes that is read from or written to a card (SAFETY R21): an NTAG216 holds 868. */
export const MESSAGE_LIMIT = 1024;
