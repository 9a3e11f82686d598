import { FieldError, Fields, bytesIn, labelled, mapIn, textIn, toSeconds, uintIn } from "../cbor/fields.js";
import { type CborMap, type CborValue, isCborMap } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import { AGENT_ID } from "../topics.js";
import type { Instant, Signer, Verdict } from "../verdict.js";
import { type MachinePolicy, machinePolicySchema, writtenPolicy } from "./machine-policy.js";
import { type Root, roleKey } from "./root.js";
import { LABEL, openObject, payloadFields, signObject } from "./signed-object.js";

/** A course of the site's dictionary. */
export interface Training {
  readonly slug: string;
  readonly name: string;
  /** Where to learn about it or book it; may be empty. */
  readonly url: string;
}

/** A machine taken out of service by staff: state, until released. */
export interface Lockout {
  readonly reason: string;
  readonly by: string;
  readonly at: Instant;
}

export interface PolicyMachine {
  /** "unreadable" where this program does not know all of its members: no taps there, the other machines go on. */
  readonly policy: MachinePolicy | "unreadable";
  /** The agent that guards it. */
  readonly agent: string;
  /** The agent's 32-byte Ed25519 key that signs reports, once enrolled. */
  readonly agentKey?: Uint8Array;
}

export interface Policy {
  readonly version: number;
  readonly expiresAt: Instant;
  readonly issuedAt: Instant;
  readonly siteName: string;
  /** IANA name, e.g. America/New_York. */
  readonly timeZone: string;
  readonly trainings: ReadonlyMap<number, Training>;
  /** By machine id. */
  readonly machines: ReadonlyMap<string, PolicyMachine>;
  readonly lockouts: ReadonlyMap<string, Lockout>;
}

const TRAININGS = 10;
const MACHINES = 11;
const LOCKOUTS = 12;
const SITE_NAME = 13;
const TIME_ZONE = 14;

export function signPolicy(
  policy: Omit<Policy, "machines"> & {
    readonly machines: ReadonlyMap<string, PolicyMachine & { readonly policy: MachinePolicy }>;
  },
  site: Uint8Array,
  signer: Signer,
): Uint8Array {
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.version, policy.version],
    [LABEL.exp, toSeconds(policy.expiresAt)],
    [LABEL.iat, toSeconds(policy.issuedAt)],
    [
      TRAININGS,
      mapValues(policy.trainings, ({ slug, name, url }) =>
        labelled([
          [1, slug],
          [2, name],
          [3, url],
        ]),
      ),
    ],
    [
      MACHINES,
      mapValues(policy.machines, (machine) =>
        labelled([
          [1, fromPlain(writtenPolicy(machine.policy))],
          [2, machine.agent],
          [3, machine.agentKey],
        ]),
      ),
    ],
    [
      LOCKOUTS,
      mapValues(policy.lockouts, ({ reason, by, at }) =>
        labelled([
          [1, reason],
          [2, by],
          [3, toSeconds(at)],
        ]),
      ),
    ],
    [SITE_NAME, policy.siteName],
    [TIME_ZONE, policy.timeZone],
  ]);
  return signObject("policy", payload, signer);
}

export function openPolicy(bytes: Uint8Array, root: Root, site: Uint8Array): Verdict<Policy, TrustCode> {
  return openObject(bytes, { type: "policy", site, findKey: roleKey(root, "policy"), read: readPolicy });
}

function readPolicy(payload: CborMap): Policy {
  const fields = payloadFields(payload);
  const trainings = new Map<number, Training>();
  for (const [number, value] of fields.map(TRAININGS, 1024)) {
    const training = new Fields(value, []);
    trainings.set(uintIn(number, 65_535), {
      slug: training.text(1, 64),
      name: training.text(2, 128),
      url: training.text(3, 256),
    });
  }
  const machines = new Map<string, PolicyMachine>();
  for (const [id, value] of fields.map(MACHINES, 512)) machines.set(textIn(id, 32, AGENT_ID), readMachine(value));
  const lockouts = new Map<string, Lockout>();
  for (const [id, value] of fields.map(LOCKOUTS, 512)) {
    const lockout = new Fields(value, []);
    lockouts.set(textIn(id, 32, AGENT_ID), {
      reason: lockout.text(1, 200),
      by: lockout.text(2, 64),
      at: lockout.instant(3),
    });
  }
  return {
    version: fields.uint(LABEL.version, 0xffff_ffff, 1),
    expiresAt: fields.instant(LABEL.exp),
    issuedAt: fields.instant(LABEL.iat),
    siteName: fields.text(SITE_NAME, 128),
    timeZone: fields.text(TIME_ZONE, 64),
    trainings,
    machines,
    lockouts,
  };
}

function readMachine(value: CborValue): PolicyMachine {
  const fields = new Fields(value, []);
  const agentKey = fields.optional(3, (label) => bytesIn(fields.raw(label), 32));
  const parsed = machinePolicySchema.safeParse(toPlain(mapIn(fields.raw(1), 64)));
  return {
    policy: parsed.success ? parsed.data : "unreadable",
    agent: fields.text(2, 32, AGENT_ID),
    ...(agentKey && { agentKey }),
  };
}

function mapValues<K extends CborValue, V>(map: ReadonlyMap<K, V>, encode: (value: V) => CborValue): CborMap {
  return new Map<CborValue, CborValue>([...map].map(([key, value]) => [key, encode(value)]));
}

/** JSON-like values to CBOR: objects become maps with text keys, undefined members are left out. */
export function fromPlain(value: unknown): CborValue {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    const map = new Map<CborValue, CborValue>();
    for (const [key, member] of Object.entries(value)) if (member !== undefined) map.set(key, fromPlain(member));
    return map;
  }
  return value as CborValue;
}

/** The inverse of `fromPlain`; throws FieldError for keys that are no texts. */
export function toPlain(value: CborValue): unknown {
  if (Array.isArray(value)) return (value as readonly CborValue[]).map(toPlain);
  if (!isCborMap(value)) return value;
  const plain: Record<string, unknown> = {};
  for (const [key, member] of value) {
    if (typeof key !== "string" || key === "__proto__") throw new FieldError("not a plain object");
    plain[key] = toPlain(member);
  }
  return plain;
}
