import {
  type KeyObject,
  createHash,
  createPrivateKey,
  createPublicKey,
  randomBytes as nodeRandomBytes,
  sign,
  verify,
} from "node:crypto";

const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const P256_SPKI_UNCOMPRESSED = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
const P256_SPKI_COMPRESSED = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");
const MOST_KEYS = 256;

const publicKeys = new Map<string, KeyObject>();
const privateKeys = new Map<string, KeyObject>();

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

export function randomBytes(length: number): Uint8Array {
  return new Uint8Array(nodeRandomBytes(length));
}

/** OpenSSL's Ed25519 equation alone; strictness is `verifyEd25519`'s business. */
export function ed25519Equation(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = cached(publicKeys, publicKey, () =>
    createPublicKey({ key: Buffer.concat([ED25519_SPKI, publicKey]), format: "der", type: "spki" }),
  );
  return verify(null, message, key, signature);
}

/** Signs with a 32-byte secret key (RFC 8032 seed); 64 bytes out. */
export function signEd25519(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  const key = cached(privateKeys, secretKey, () =>
    createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, secretKey]), format: "der", type: "pkcs8" }),
  );
  return new Uint8Array(sign(null, message, key));
}

/** The 32-byte public key of a 32-byte secret key. */
export function ed25519PublicKey(secretKey: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, secretKey]), format: "der", type: "pkcs8" });
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));
}

/** ECDSA P-256 with SHA-256; throws on a key that is no point of the curve. */
export function p256Equation(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const prefix = publicKey.length === 33 ? P256_SPKI_COMPRESSED : P256_SPKI_UNCOMPRESSED;
  const key = createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: "der", type: "spki" });
  return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** Oldest out first: a hostile stream of keys must not grow the cache without end. */
function cached(cache: Map<string, KeyObject>, bytes: Uint8Array, make: () => KeyObject): KeyObject {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  let key = cache.get(name);
  if (!key) {
    key = make();
    if (cache.size >= MOST_KEYS) cache.delete(cache.keys().next().value as string);
    cache.set(name, key);
  }
  return key;
}
