import { arrayIn, bytesIn, labelled, textIn, toSeconds, uintIn } from "../cbor/fields.js";
import { type CborValue, sameBytes } from "../cbor/value.js";
import { type FaultCode, type TrustCode, faultCodes } from "../codes.js";
import { keyIdOf } from "../crypto/cose-key.js";
import type { RowPosition } from "../usage/chain.js";
import type { Instant, Signer, Verdict } from "../verdict.js";
import { type Announced, OBJECT_NAME } from "./heartbeat.js";
import { LABEL, openObject, payloadFields, signObject } from "./signed-object.js";

export const clockStates = ["untrusted", "holdover", "synced"] as const;
export type ClockState = (typeof clockStates)[number];

/** What an agent says of itself, signed by its own key: receipts are believed only from here (SPEC 4.8). */
export interface Report {
  /** Rises with every report of a boot. */
  readonly number: number;
  readonly at: Instant;
  readonly clock: ClockState;
  /** Objects it has applied, the heartbeat aside: that one is heartbeatVersion. */
  readonly applied: ReadonlyMap<string, Announced>;
  readonly heartbeatVersion: number;
  readonly journal: RowPosition & { readonly chain: Uint8Array; readonly pending: number };
  readonly faults: readonly FaultCode[];
  /** The interlock's state, e.g. "idle". */
  readonly state: string;
  readonly software: string;
  readonly upMs: number;
  readonly lastCommand: number;
}

const M = {
  number: 10,
  clock: 11,
  applied: 12,
  heartbeat: 13,
  boot: 14,
  sequence: 15,
  chain: 16,
  pending: 17,
  faults: 18,
  state: 19,
  software: 20,
  upMs: 21,
  lastCommand: 22,
} as const;

export function signReport(report: Report, site: Uint8Array, agent: string, signer: Signer): Uint8Array {
  const applied = new Map<CborValue, CborValue>();
  for (const [name, { version, hash }] of report.applied) if (name !== "heartbeat") applied.set(name, [version, hash]);
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.agent, agent],
    [LABEL.iat, toSeconds(report.at)],
    [M.number, report.number],
    [M.clock, clockStates.indexOf(report.clock)],
    [M.applied, applied],
    [M.heartbeat, report.heartbeatVersion],
    [M.boot, report.journal.boot],
    [M.sequence, report.journal.sequence],
    [M.chain, report.journal.chain],
    [M.pending, report.journal.pending],
    [M.faults, [...report.faults]],
    [M.state, report.state],
    [M.software, report.software],
    [M.upMs, report.upMs],
    [M.lastCommand, report.lastCommand],
  ]);
  return signObject("report", payload, signer);
}

export function openReport(
  bytes: Uint8Array,
  agentKey: Uint8Array,
  site: Uint8Array,
  agent: string,
): Verdict<Report, TrustCode> {
  return openObject(bytes, {
    type: "report",
    site,
    agent,
    findKey: (keyId) => (sameBytes(keyIdOf(agentKey), keyId) ? agentKey : undefined),
    read: (payload) => {
      const fields = payloadFields(payload);
      const applied = new Map<string, Announced>();
      for (const [name, value] of fields.map(M.applied, 512)) {
        const [version, hash] = arrayIn(value, 2);
        applied.set(textIn(name, 64, OBJECT_NAME), { version: uintIn(version, 0xffff_ffff), hash: bytesIn(hash, 32) });
      }
      return {
        number: fields.uint(M.number),
        at: fields.instant(LABEL.iat),
        clock: clockStates[fields.uint(M.clock, 2)] as ClockState,
        applied,
        heartbeatVersion: fields.uint(M.heartbeat, 0xffff_ffff),
        journal: {
          boot: fields.uint(M.boot, 0xffff_ffff),
          sequence: fields.uint(M.sequence),
          chain: fields.bytes(M.chain, 32),
          pending: fields.uint(M.pending),
        },
        // A code from a newer agent is kept out rather than refused with the whole report.
        faults: fields
          .array(M.faults, 32)
          .filter((code): code is FaultCode => typeof code === "string" && code in faultCodes),
        state: fields.text(M.state, 32),
        software: fields.text(M.software, 64),
        upMs: fields.uint(M.upMs),
        lastCommand: fields.uint(M.lastCommand, 0xffff_ffff),
      };
    },
  });
}
