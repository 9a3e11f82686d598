/** What a check says: yes with what it found, or no with a code. */
export type Verdict<T, C extends string> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: C; readonly detail?: string };

export function yes<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function no<C extends string>(
  code: C,
  detail?: string,
): { readonly ok: false; readonly code: C; readonly detail?: string } {
  return detail === undefined ? { ok: false, code } : { ok: false, code, detail };
}

/** Milliseconds since the epoch. */
export type Instant = number;

/** Signs with one key: the holder of the key decides where it lives. */
export interface Signer {
  readonly publicKey: Uint8Array;
  readonly keyId: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}
