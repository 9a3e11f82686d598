import { stat, statfs } from "node:fs/promises";
import { type MachinePolicy, type SiteState, TrustClient, clockAtBoot, policyProblems } from "@badgekey/shared";
import { guardedMachine } from "../agent-machine.js";
import type { Enrolment } from "../enrolment/enrolment-file.js";
import { type Disk, diskFolder } from "../site-state/durable-folder.js";
import { siteStateStore } from "../site-state/site-state-store.js";
import { journalPath, siteStateFolder } from "./data-folder.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SOON_MS = 30 * DAY_MS;
const CONNECT = "start the agent while the gateway is in reach: it fetches them";

/** The lists of the cache as a starting agent would hold them. */
export interface LoadedLists {
  readonly client: TrustClient;
  readonly floorAt: number;
  /** When the gateway last confirmed the time to this agent; 0 where it never did. */
  readonly freshAt: number;
  /** What in the cache is not used, and why. */
  readonly leftOut: readonly string[];
}

/** Reads the cache and changes nothing. The text is why there can be no lists at all. */
export async function loadLists(enrolment: Enrolment, dataDir: string): Promise<LoadedLists | string> {
  const skipped: string[] = [];
  const log = { warn: (details: unknown) => void skipped.push(fileNamed(details)) };
  const disk = readOnly(diskFolder(siteStateFolder(dataDir)));
  const { firstRoot, floorAt, freshAt, objects } = await siteStateStore({ disk, roots: enrolment.roots, log }).load();
  const started = TrustClient.start(firstRoot, {
    site: enrolment.site,
    agent: enrolment.agent,
    clock: clockAtBoot(floorAt, freshAt, 0),
    monotonicMs: 0,
  });
  if (!started.ok) return started.code;
  const client = started.value;
  const refused = client
    .restore(objects, 0)
    .map(({ outcome }, index) => ({ outcome, name: objects[index]?.name ?? "" }))
    .filter(({ outcome }) => outcome !== "accepted" && outcome !== "repeated");
  const leftOut = [...skipped, ...refused.map(({ name, outcome }) => `${name}: ${outcome}`)];
  return { client, floorAt, freshAt, leftOut };
}

/**
 * Lists in the cache, how old they are and until when they serve. `now`: the computer's own clock, to tell ages only.
 */
export function checkLists({ client, freshAt, leftOut }: LoadedLists, now: number): readonly Finding[] {
  const { root, trust, policy, status, applied } = client.state;
  const findings: Finding[] = [];
  if (!trust || !policy) findings.push(failed("lists", "none yet: every card is refused", CONNECT));
  else {
    const ofDay = (name: string): string => {
      const at = issuedAtOf(name, client.state);
      return at === undefined ? "" : ` of ${day(at)} (${ageOf(now - at)})`;
    };
    findings.push(
      ok("lists", [...applied].map(([name, { version }]) => `${name} ${String(version)}${ofDay(name)}`).join(", ")),
    );
    const machine = guardedMachine(client.state, client.agent);
    findings.push(machineFinding(machine.id, policy.machines.has(machine.id), machine.policy !== undefined));
    if (machine.policy) findings.push(...contradictions(machine.policy, now));
    const refuseAfterMs = (machine.policy?.staleness.refuseAfterSeconds ?? 0) * 1_000;
    const warnAfterMs = (machine.policy?.staleness.warnAfterSeconds ?? 0) * 1_000;
    // Taps are refused past an end of root or trust list, whatever the staleness allows.
    const lastAt = Math.min(freshAt + refuseAfterMs, trust.expiresAt, root.expiresAt);
    findings.push(contactOf({ freshAt, now, lastAt, warnAfterMs }));
    const ends: [string, number][] = [
      ["root", root.expiresAt],
      ["trust list", trust.expiresAt],
      ["policy", policy.expiresAt],
    ];
    for (const [name, endsAt] of ends) {
      if (endsAt - now < SOON_MS)
        findings.push(warning("lists", `the ${name} ends on ${day(endsAt)}`, "see to the deadlines in the console"));
    }
    const old = [...status].filter(([, { expiresAt }]) => expiresAt < now).map(([issuer]) => issuer);
    if (old.length > 0) {
      findings.push(warning("lists", `past their end are the withdrawn badges of ${old.join(", ")}`, CONNECT));
    }
  }
  if (leftOut.length > 0) findings.push(warning("lists", `left out: ${leftOut.join(", ")}`, CONNECT));
  return findings;
}

/** When an object in force was signed. */
function issuedAtOf(
  name: string,
  { root, trust, policy, status, directory, heartbeat }: SiteState,
): number | undefined {
  if (name.startsWith("status/")) return status.get(name.slice("status/".length))?.issuedAt;
  const named = new Map<string, { readonly issuedAt: number } | undefined>([
    ["root", root],
    ["trust", trust],
    ["policy", policy],
    ["heartbeat", heartbeat && { issuedAt: heartbeat.now }],
    ...directory,
  ]);
  return named.get(name)?.issuedAt;
}

function ageOf(ms: number): string {
  const hours = Math.max(0, Math.round(ms / HOUR_MS));
  return hours < 48 ? `${String(hours)} hours` : `${String(Math.round(hours / 24))} days`;
}

function machineFinding(id: string, isKnown: boolean, isReadable: boolean): Finding {
  if (isReadable) return ok("machine", id);
  if (!isKnown)
    return failed(
      "machine",
      "no machine is assigned to this controller",
      "assign one in the console, or: badgekey machine add --help",
    );
  return failed(
    "machine",
    `${id} asks for what this program does not know: every card is refused`,
    "update badgekey on this controller",
  );
}

/** What the machine's rules get wrong although they are signed: a console of another version may have let it pass. */
function contradictions(policy: MachinePolicy, now: number): readonly Finding[] {
  return policyProblems(policy, now).map(({ path, message, severity }) => {
    const tell = severity === "error" ? failed : warning;
    return tell("machine", `${path}: ${message}`, "correct the machine in the console");
  });
}

interface Contact {
  readonly freshAt: number;
  readonly now: number;
  readonly lastAt: number;
  readonly warnAfterMs: number;
}

function contactOf({ freshAt, now, lastAt, warnAfterMs }: Contact): Finding {
  if (freshAt === 0) return warning("contact", "the gateway has never confirmed the time to this agent", CONNECT);
  const ago = `confirmed ${ageOf(now - freshAt)} ago`;
  if (now > lastAt) return failed("contact", `${ago}; worked without contact until ${day(lastAt)}`, CONNECT);
  const detail = `${ago}; works without contact until ${day(lastAt)}`;
  return now - freshAt > warnAfterMs ? warning("contact", detail, CONNECT) : ok("contact", detail);
}

/** Room for the journal (SAFETY R19): a warning below 10 %, a failure once the ballast is gone or 2 % are left. */
export async function checkDisk(dataDir: string): Promise<Finding> {
  const space = await statfs(dataDir).catch(unlessAbsent);
  if (!space) return failed("disk", `${dataDir} is not there`, "badgekey-agent enroll makes it");
  const free = space.bavail / Math.max(1, space.blocks);
  const hasJournal = (await stat(journalPath(dataDir)).catch(() => undefined)) !== undefined;
  const hasBallast = (await stat(`${journalPath(dataDir)}.ballast`).catch(() => undefined)) !== undefined;
  const ballast = hasJournal && !hasBallast ? ", the reserve for the last records is used up" : "";
  const detail = `${String(Math.round((space.bavail * space.bsize) / 1e6))} MB free (${String(Math.round(100 * free))} %)${ballast}`;
  const mend = "see what takes the room: sudo du -xh -d2 / | sort -h | tail";
  if (free < 0.02) return failed("disk", detail, mend);
  return free < 0.1 || ballast !== "" ? warning("disk", detail, mend) : ok("disk", detail);
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function unlessAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

function fileNamed(details: unknown): string {
  return (details as { readonly file?: string }).file ?? "a file";
}

/** Looks and changes nothing: the agent may be writing into the same folder. */
function readOnly(disk: Disk): Disk {
  return { ...disk, remove: () => Promise.resolve(), syncNames: () => Promise.resolve() };
}
