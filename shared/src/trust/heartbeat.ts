import { decodeStrict } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { Fields, arrayIn, bytesIn, labelled, textIn, toSeconds, uintIn } from "../cbor/fields.js";
import { type CborMap, type CborValue, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import type { Instant, Signer, Verdict } from "../verdict.js";
import { type Root, roleKey } from "./root.js";
import { LABEL, openObject, payloadFields, readOr, signObject } from "./signed-object.js";

/** Names of the objects a heartbeat announces: root, trust, policy, status/<kid>, directory/<kid>/<shard>. */
export const OBJECT_NAME = /^(?:root|trust|policy|status\/[0-9a-f]{8}|directory\/[0-9a-f]{8}\/[0-9]{1,4})$/;

export function statusName(issuerKeyId: Uint8Array): string {
  return `status/${toHex(issuerKeyId)}`;
}

export interface Announced {
  readonly version: number;
  /** SHA-256 of the object's bytes. */
  readonly hash: Uint8Array;
}

/** TUF's timestamp and snapshot in one (SPEC 4.5). */
export interface Heartbeat {
  readonly version: number;
  readonly now: Instant;
  readonly expiresAt: Instant;
  readonly objects: ReadonlyMap<string, Announced>;
}

export interface TimeAnswer {
  readonly now: Instant;
  /** The agent's 16-byte nonce. */
  readonly nonce: Uint8Array;
  readonly heartbeatVersion: number;
}

const OBJECTS = 10;
const NONCE = 10;
const HEARTBEAT_VERSION = 11;

export function signHeartbeat(heartbeat: Heartbeat, site: Uint8Array, signer: Signer): Uint8Array {
  const objects = new Map<CborValue, CborValue>();
  for (const [name, { version, hash }] of heartbeat.objects) objects.set(name, [version, hash]);
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.version, heartbeat.version],
    [LABEL.exp, toSeconds(heartbeat.expiresAt)],
    [LABEL.now, toSeconds(heartbeat.now)],
    [OBJECTS, objects],
  ]);
  return signObject("heartbeat", payload, signer);
}

export function openHeartbeat(bytes: Uint8Array, root: Root, site: Uint8Array): Verdict<Heartbeat, TrustCode> {
  return openObject(bytes, { type: "heartbeat", site, findKey: roleKey(root, "online"), read: readHeartbeat });
}

export function signTimeAnswer(
  answer: TimeAnswer & { readonly agent: string },
  site: Uint8Array,
  signer: Signer,
): Uint8Array {
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.agent, answer.agent],
    [LABEL.now, toSeconds(answer.now)],
    [NONCE, answer.nonce],
    [HEARTBEAT_VERSION, answer.heartbeatVersion],
  ]);
  return signObject("timeAnswer", payload, signer);
}

export function openTimeAnswer(
  bytes: Uint8Array,
  root: Root,
  site: Uint8Array,
  agent: string,
): Verdict<TimeAnswer, TrustCode> {
  return openObject(bytes, {
    type: "timeAnswer",
    site,
    agent,
    findKey: roleKey(root, "online"),
    read: (payload) => {
      const fields = payloadFields(payload);
      return {
        now: fields.instant(LABEL.now),
        nonce: fields.bytes(NONCE, 16),
        heartbeatVersion: fields.uint(HEARTBEAT_VERSION, 0xffff_ffff),
      };
    },
  });
}

function readHeartbeat(payload: CborMap): Heartbeat {
  const fields = payloadFields(payload);
  const objects = new Map<string, Announced>();
  for (const [name, value] of fields.map(OBJECTS, 512)) {
    const [version, hash] = arrayIn(value, 2);
    objects.set(textIn(name, 64, OBJECT_NAME), { version: uintIn(version, 0xffff_ffff, 1), hash: bytesIn(hash, 32) });
  }
  return {
    version: fields.uint(LABEL.version, 0xffff_ffff, 1),
    now: fields.instant(LABEL.now),
    expiresAt: fields.instant(LABEL.exp),
    objects,
  };
}

/** An agent's question for the time (SPEC 4.5); unsigned, its TLS connection says who asks. */
export function encodeTimeQuery(nonce: Uint8Array): Uint8Array {
  return encodeDeterministic(labelled([[NONCE, nonce]]));
}

/** The nonce of a time query; undefined where the bytes are none. */
export function decodeTimeQuery(bytes: Uint8Array): Uint8Array | undefined {
  return readOr(() => new Fields(decodeStrict(bytes, { tags: [], maxBytes: 64 }), []).bytes(NONCE, 16));
}
