import {
  DAY_MS,
  DecodeError,
  type MachinePolicyInput,
  type SiteState,
  TrustClient,
  decodeNdefMessage,
  decodeSign1,
  decodeStatusList,
  decodeStrict,
  decodeUsagePacket,
  fromHex,
  openAcknowledgement,
  openCommand,
  openPolicy,
  verifyBadge,
} from "@badgekey/shared";
import { type TapFacts, checkTap } from "@badgekey/device-agent";
import { testSite } from "@badgekey/shared/testing";
import { SITE, type VectorCase } from "./vector-cases.js";

type Blocked = NonNullable<TapFacts["blocked"]>["code"];

const state: SiteState = SITE.client().state;

/** Runs one case through the public API; returns its code or ACCEPTED. */
export function judge(one: VectorCase): string {
  const bytes = fromHex(one.bytes);
  switch (one.as) {
    case "badge": {
      const verdict = verifyBadge(bytes, state, one.now ?? 0);
      return verdict.ok ? "ACCEPTED" : verdict.code;
    }
    case "tap":
      return tapped(one, bytes);
    case "cbor":
      return decoding(() => decodeStrict(bytes));
    case "sign1":
      return decoding(() => decodeSign1(bytes));
    case "status-list":
      return decoding(() => decodeStatusList(bytes));
    case "ndef":
      return decoding(() => decodeNdefMessage(bytes));
    case "usage":
      return decoding(() => decodeUsagePacket(bytes));
    case "command": {
      const opened = openCommand(bytes, SITE.root, SITE.site, "laser-1");
      return opened.ok ? "ACCEPTED" : opened.code;
    }
    case "machine's policy": {
      const opened = openPolicy(bytes, SITE.root, SITE.site);
      if (!opened.ok) return opened.code;
      // What a tap at a machine is told whose rules cannot be read.
      return opened.value.machines.get("laser-1")?.policy === "unreadable" ? "MACHINE_UNKNOWN" : "ACCEPTED";
    }
    case "acknowledgement": {
      const opened = openAcknowledgement(bytes, SITE.root, SITE.site, "laser-1");
      return opened.ok ? "ACCEPTED" : opened.code;
    }
    default:
      return offered(one.as, bytes);
  }
}

/** The agent's own decision, at a site whose one machine has the case's policy. */
function tapped(one: VectorCase, bytes: Uint8Array): string {
  const policy = one.policy as unknown as MachinePolicyInput;
  const site = testSite({ machines: { "laser-1": policy } });
  const verdict = checkTap({
    presentation: {
      ...(one.uid !== undefined && { uid: fromHex(one.uid) }),
      badge: bytes.length > 0 ? bytes : undefined,
    },
    site: site.client().state,
    machine: one.machine ?? "laser-1",
    now: one.now ?? 0,
    clock: one.clock ?? "synced",
    stalenessMs: one.stalenessMs ?? 0,
    blocked: one.blocked === undefined ? undefined : { code: one.blocked as Blocked, admits: "nobody" },
  });
  if (!verdict.ok) return verdict.code;
  return verdict.needsSupervision ? "SUPERVISION_REQUIRED" : "ACCEPTED";
}

function decoding(read: () => unknown): string {
  try {
    read();
    return "ACCEPTED";
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
}

/** Offers an object to a client one day after the site began; "… after N" holds heartbeat N already. */
function offered(as: string, bytes: Uint8Array): string {
  const [name = "", held] = as.split(" after ");
  const started = TrustClient.start(SITE.rootBytes, { site: SITE.site, agent: "laser-1", monotonicMs: 0 });
  if (!started.ok) throw new Error(started.code);
  const client = started.value;
  if (name === "time-answer") return client.answerTime(bytes, 0).outcome;
  if (name !== "heartbeat" || held) client.offer("heartbeat", SITE.heartbeat(SITE.first, Number(held ?? 1)), 0);
  if (name.startsWith("status/")) client.offer("trust", SITE.trust(), 0);
  const offer = client.offer(name, bytes, name === "heartbeat" ? DAY_MS : 0);
  return offer.outcome === "accepted"
    ? "ACCEPTED"
    : offer.outcome === "waiting"
      ? (offer.detail ?? "waiting")
      : offer.outcome;
}
