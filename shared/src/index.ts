export * from "./cbor/value.js";
export { encodeDeterministic } from "./cbor/encode.js";
export { DecodeError, type DecodeLimits, decodeStrict } from "./cbor/decode.js";
export * from "./codes.js";
export * from "./topics.js";
export * from "./usage/chain.js";
export { type Engine, type SignatureCheck, isSoundEd25519Key, verifyEd25519, verifyP256 } from "./crypto/verify.js";
export { type PublicKey, ed25519Key, encodeCoseKey, keyIdOf, readCoseKey } from "./crypto/cose-key.js";
export { ed25519PublicKey, randomBytes, sha256, signEd25519 } from "#crypto";
