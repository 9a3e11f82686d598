import { ed25519PublicKey, signEd25519 } from "#crypto";
import type { Signer } from "../verdict.js";
import { keyIdOf } from "./cose-key.js";

/** A signer over a 32-byte Ed25519 secret key held in memory. */
export function signerOf(secretKey: Uint8Array): Signer {
  const publicKey = ed25519PublicKey(secretKey);
  return { publicKey, keyId: keyIdOf(publicKey), sign: (message) => signEd25519(secretKey, message) };
}
