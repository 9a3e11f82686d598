import { FieldError, bytesIn, labelled, mapIn, toSeconds } from "../cbor/fields.js";
import type { CborValue } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import type { Instant, Signer, Verdict } from "../verdict.js";
import { fromPlain, toPlain } from "./policy.js";
import { type Root, roleKey } from "./root.js";
import { LABEL, openObject, payloadFields, signObject } from "./signed-object.js";

/** What staff can tell an agent (SPEC 4.7). No command closes a relay. */
export type CommandAction =
  | {
      readonly kind: "outOfService";
      readonly machine: string;
      readonly when: "now" | "whenFree";
      readonly reason: string;
      readonly by: string;
    }
  | { readonly kind: "release"; readonly machine: string; readonly by: string }
  | { readonly kind: "end"; readonly machine: string; readonly by: string }
  /** Writes a badge to the next card on the agent's reader; `uid` limits it to that card. */
  | {
      readonly kind: "writeCard";
      readonly job: string;
      readonly badge: Uint8Array;
      readonly uid?: Uint8Array;
      readonly seconds: number;
    }
  /** Reports the UID of the next card, so that a badge can be bound to it. */
  | { readonly kind: "readCard"; readonly job: string; readonly seconds: number }
  | { readonly kind: "identify"; readonly seconds: number };

export interface Command {
  readonly number: number;
  readonly issuedAt: Instant;
  /** At most 5 minutes after issuedAt. */
  readonly expiresAt: Instant;
  readonly action: CommandAction;
}

const NUMBER = 10;
const KIND = 11;
const ARGUMENTS = 12;
const MOST_LIFE_MS = 300_000;

export function signCommand(
  command: Command & { readonly agent: string },
  site: Uint8Array,
  signer: Signer,
): Uint8Array {
  const { kind, ...rest } = command.action;
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.agent, command.agent],
    [LABEL.exp, toSeconds(command.expiresAt)],
    [LABEL.iat, toSeconds(command.issuedAt)],
    [NUMBER, command.number],
    [KIND, kind],
    [ARGUMENTS, fromPlain(rest)],
  ]);
  return signObject("command", payload, signer);
}

export function openCommand(
  bytes: Uint8Array,
  root: Root,
  site: Uint8Array,
  agent: string,
): Verdict<Command, TrustCode> {
  return openObject(bytes, {
    type: "command",
    site,
    agent,
    findKey: roleKey(root, "command"),
    read: (payload) => {
      const fields = payloadFields(payload);
      const issuedAt = fields.instant(LABEL.iat);
      const expiresAt = fields.instant(LABEL.exp);
      if (expiresAt <= issuedAt || expiresAt - issuedAt > MOST_LIFE_MS)
        throw new FieldError("lives longer than 5 minutes");
      const plain = toPlain(mapIn(fields.raw(ARGUMENTS), 16)) as Record<string, unknown>;
      return {
        number: fields.uint(NUMBER, 0xffff_ffff, 1),
        issuedAt,
        expiresAt,
        action: readAction(fields.text(KIND, 32), plain),
      };
    },
  });
}

function readAction(kind: string, given: Record<string, unknown>): CommandAction {
  switch (kind) {
    case "outOfService": {
      const when = given.when;
      if (when !== "now" && when !== "whenFree") throw new FieldError("when is now or whenFree");
      return { kind, machine: text(given.machine), when, reason: text(given.reason), by: text(given.by, 64) };
    }
    case "release":
    case "end":
      return { kind, machine: text(given.machine), by: text(given.by, 64) };
    case "writeCard": {
      const { badge, uid } = given;
      if (!(badge instanceof Uint8Array) || badge.length > 512) throw new FieldError("badge is bytes");
      const only = uid === undefined ? {} : { uid: bytesIn(uid as CborValue, 4, 10) };
      return { kind, job: text(given.job, 64), badge, ...only, seconds: whole(given.seconds) };
    }
    case "readCard":
      return { kind, job: text(given.job, 64), seconds: whole(given.seconds) };
    case "identify":
      return { kind, seconds: whole(given.seconds) };
    default:
      throw new FieldError("an unknown command");
  }
}

/** No longer than a usage record carries it: what is done by a command must be told of. */
function text(value: unknown, most = 256): string {
  if (typeof value !== "string" || value.length > most)
    throw new FieldError(`not a text of at most ${most} characters`);
  return value;
}

function whole(value: unknown): number {
  if (typeof value !== "number" || value < 1 || value > 3600) throw new FieldError("not 1 to 3600 seconds");
  return value;
}
