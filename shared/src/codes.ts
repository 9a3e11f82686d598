/**
 * Every code that leaves a module of this project, with what it means in one line (SPEC 9 lists the same; a test
 * compares both ways). Codes are only ever added.
 */

/** Decoding: the bytes are not what they claim to be (thrown as DecodeError). */
export const decodeCodes = {
  CBOR_TOO_LARGE: "longer, or with more items, than the reader allows",
  CBOR_TOO_DEEP: "nested deeper than the reader allows",
  CBOR_TRUNCATED: "the bytes end inside an item",
  CBOR_TRAILING_BYTES: "bytes follow the item",
  CBOR_INDEFINITE: "an indefinite length, or a break without one",
  CBOR_NOT_DETERMINISTIC: "not the shortest form, or map keys out of order",
  CBOR_KEY_DUPLICATE: "a map key occurs twice",
  CBOR_KEY_INVALID: "a map key that is no integer, text or byte string",
  CBOR_FLOAT: "a floating-point number",
  CBOR_SIMPLE_UNEXPECTED: "undefined or another simple value",
  CBOR_TAG_UNEXPECTED: "a tag that is not expected here",
  CBOR_TEXT_INVALID: "a text that is not valid UTF-8",
  CBOR_MALFORMED: "a reserved head or otherwise not well-formed",
  COSE_MALFORMED: "not the structure of RFC 9052, or a header outside the profile",
  STATUS_LIST_MALFORMED: "not a status list: wrong members, bits not 1, 2, 4 or 8, or damaged compression",
  STATUS_LIST_TOO_LARGE: "a status list that inflates past the limit",
  STATUS_INDEX_OUT_OF_RANGE: "an index at or beyond the length of the status list",
  NDEF_MALFORMED: "not an NDEF message: lengths, flags or chunking that do not fit",
  NDEF_TOO_LARGE: "an NDEF message longer than the reader allows",
  TYPE2_MALFORMED: "not a Type 2 tag's memory: capability container or TLVs that do not fit",
  TYPE4_MALFORMED: "not a Type 4 tag's files: capability container or lengths that do not fit",
  USAGE_MALFORMED: "not a usage packet: members missing, of another type or out of range",
} as const;
export type DecodeCode = keyof typeof decodeCodes;

/** Badge verification, in the order of SPEC 3.5. */
export const badgeCodes = {
  BADGE_MALFORMED: "not a badge: size, shape, header or claims are outside the profile",
  ISSUER_UNTRUSTED: "signed by a key that the trust list does not name",
  SIGNATURE_INVALID: "the signature does not fit the bytes: edited or forged",
  ISSUER_OUT_OF_WINDOW: "issued outside the window in which the trust list accepts the issuer",
  BADGE_EXPIRED: "past its end",
  STATUS_UNKNOWN: "no status list of the issuer covers this badge",
  BADGE_REVOKED: "withdrawn for good",
  BADGE_SUSPENDED: "put on hold",
  BADGE_SUPERSEDED: "replaced by a newer badge that has not arrived here",
} as const;
export type BadgeCode = keyof typeof badgeCodes;

/** The tap: what one presentation lacks at one machine. */
export const tapCodes = {
  CARD_UNREADABLE: "the card was lifted too early, or did not answer as its kind must",
  CARD_UNSUPPORTED: "a kind of card that cannot carry a badge",
  CARD_EMPTY: "the card carries no badge",
  CARD_NOT_ALONE: "more than one card in the field",
  CARD_MISMATCH: "the badge belongs to another card: a copy",
  HOLDER_KEY_MISSING: "the badge is bound to a key, and no challenge was answered by that key",
  TRAINING_MISSING: "no grant for a training that the machine requires",
  TRAINING_ENDED: "the grant for a required training has ended",
  LEVEL_TOO_LOW: "a grant below the level that the machine requires",
  SUPERVISION_REQUIRED: "a trainee's grant, usable only under supervision",
  ASSURANCE_TOO_LOW: "the presentation proves less than the machine demands",
  MACHINE_UNKNOWN: "no policy for this machine has arrived yet",
  MACHINE_IN_USE: "someone else's session is running",
  MACHINE_OUT_OF_SERVICE: "taken out of service by staff",
  MACHINE_FAULTED: "the device has raised a fault",
  OUTSIDE_SCHEDULE: "outside the hours in which the machine may be used",
  LISTS_STALE: "too long without contact to the gateway",
  CLOCK_UNTRUSTED: "the time is not confirmed, and the machine demands it",
  TRUST_EXPIRED: "the root or the trust list has expired",
} as const;
export type TapCode = keyof typeof tapCodes;

/** Signed objects and the client workflow (SPEC 4 and 5). */
export const trustCodes = {
  OBJECT_MALFORMED: "not a signed object of this project: shape, header or members",
  OBJECT_TOO_LARGE: "larger than its type allows",
  OBJECT_WRONG_TYPE: "a signed object of another type",
  OBJECT_WRONG_SITE: "made for another site",
  OBJECT_WRONG_AGENT: "made for another agent",
  OBJECT_EXPIRED: "past its end",
  SIGNER_UNTRUSTED: "signed by a key that does not hold the role",
  OBJECT_SIGNATURE_INVALID: "the signature does not fit the bytes",
  THRESHOLD_NOT_MET: "fewer valid signatures than the role's threshold",
  KEY_REUSED: "one public key or key id in two places where only one is allowed",
  ROOT_VERSION_SKIPPED: "not the root version that follows the current one",
  LIST_ROLLED_BACK: "an older version than the one accepted before: a replay",
  LIST_EQUIVOCATED: "the same version with other bytes",
  LIST_NOT_ANNOUNCED: "version or hash differs from what the heartbeat says",
  STATUS_LIST_MISPLACED: "a status list whose URI or key is not that of the issuer's entry",
  TIME_IMPLAUSIBLE: "a time too far ahead to be believed without a time answer",
  NONCE_UNKNOWN: "answers no question that is open",
  COMMAND_REPLAYED: "a command number already used",
  COMMAND_REFUSED: "a loosening command without confirmed time or counter",
} as const;
export type TrustCode = keyof typeof trustCodes;

/** Faults the device raises; the interlock's severity says what each does. */
export const faultCodes = {
  JOURNAL_UNAVAILABLE: "the journal did not commit in time: no log, no start",
  RELAY_STUCK: "commanded open but read closed",
  RELAY_UNRESPONSIVE: "the relay holder did not acknowledge a permit in time",
  READER_LOST: "the reader is gone or hangs",
  STORE_UNREADABLE: "marks that must survive a restart could not be read",
  EMERGENCY_STOP: "the emergency stop's contact is open",
  TAMPER: "the housing was opened",
  EXTRACTION_MISSING: "the extraction gives no feedback",
  INPUT_FAILED: "a contact that the machine needs chatters or cannot be read",
  STORAGE_FULL: "too little room left to note down uses",
} as const;
export type FaultCode = keyof typeof faultCodes;

/** What the gateway and its tools answer to a request that cannot be done. */
export const requestCodes = {
  REQUEST_INVALID: "a field is missing, unknown or of the wrong form",
  NOT_FOUND: "no such thing",
  ALREADY_EXISTS: "a thing of that name is there already",
  CONFLICT: "not possible in the present state",
  UNAUTHORISED: "no valid token came with the request",
  INVITE_INVALID: "the invite is unknown, used or expired",
  AGENT_UNREACHABLE: "the machine's controller is not connected or did not answer in time",
  TOO_MANY_REQUESTS: "too many requests in a short time",
  INTERNAL: "a defect of the program; the log says more",
} as const;
export type RequestCode = keyof typeof requestCodes;

/** What the gateway raises by itself, for staff to look at. */
export const alarmCodes = {
  USAGE_FORKED: "an agent sent other bytes for a row that is already in the log",
  PUBLISH_QUARANTINED: "an agent published where it may not; nobody received it",
} as const;
export type AlarmCode = keyof typeof alarmCodes;
