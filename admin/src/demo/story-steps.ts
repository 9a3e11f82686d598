import type { BadgeView, Instant, LogView } from "@badgekey/shared";
import { type DemoCard, type CardBox, blankCard } from "./card-box.js";
import { writeCardAt } from "./card-job.js";
import { untilAgentsReady } from "./seed.js";
import type { DemoSite } from "./site.js";
import { type StepOutcome, type StoryStep, rounded } from "./story.js";
import { type TapOutcome, said, tapRefused, tapToEnd, tapToStart } from "./tap.js";

export interface StoryContext {
  /** Starts the site and fills it; the first step of the story. */
  start(): Promise<{ site: DemoSite; box: CardBox }>;
  now(): Instant;
}

const LASER = "laser-1";
const PRINTER = "printer-1";
const SAW = "saw-1";
const LONG_MS = 40_000;

/** The story of the project's main job (the README tells it, too): each step holds the next one's ground. */
export function storySteps(context: StoryContext): readonly StoryStep[] {
  const person = { first: "Inés Duarte", second: "Kofi Mensah" };
  const card = { first: blankCard(), second: blankCard() };
  let site: DemoSite;
  let box: CardBox;
  let badge: BadgeView;
  let second: BadgeView;
  /** Positions of the rows at the gateway before it was stopped. */
  let known: ReadonlySet<string>;
  /** When the laser was plugged in again, ms since the epoch. */
  let pluggedAt: number;

  const step = (title: string, run: () => Promise<StepOutcome>): StoryStep => ({ title, run });
  const cardOf = (id: string): DemoCard => {
    const found = box.get(id);
    if (!found) throw new Error(`the card ${id} is missing`);
    return found;
  };
  const refuses = (title: string, machine: string, id: string, code: string) =>
    step(`${title}: refused with ${code}`, async () => {
      const tap = await tapRefused(site, machine, cardOf(id).card, code);
      const row = await untilRow(site, `the refusal with ${code} in the usage log`, (one) => {
        return one.machine === machine && one.kind === "tapRefused" && one.code === code;
      });
      return refusal(tap, row.code ?? "");
    });
  const issue = async (name: string) => {
    const { id } = await site.api.addPerson({ name });
    return site.api.issueBadge({ person: id, grants: [{ training: "laser", level: 2 }] });
  };

  return [
    step("start the site: gateway, three machines with their agents", async () => {
      ({ site, box } = await context.start());
      const agents = [...site.live.agents.values()];
      must(agents.length === 3 && agents.every(({ connected }) => connected), "not every agent is connected");
      return { outcome: `${agents.length} agents connected, clock confirmed, lists verified` };
    }),
    step("issue a badge for laser, level user", async () => {
      badge = await issue(person.first);
      must(badge.state === "awaitingCard", `the badge is ${badge.state}`);
      return { outcome: `badge ${badge.id} for ${badge.personName} waits for a card` };
    }),
    step("write it to a card", async () => {
      badge = await writeCardAt(site, PRINTER, badge, card.first);
      must(badge.state === "valid" && badge.bytes !== null, `the badge is ${badge.state}`);
      return { outcome: `${badge.bytes.length / 2} bytes, bound to card …${badge.cardUid?.slice(-4) ?? ""}` };
    }),
    step("tap at the laser: the relay closes", async () => started(await tapToStart(site, LASER, card.first))),
    step("tap again: the relay opens, the use is in the log of the gateway", async () => {
      const { openedAfterMs } = await tapToEnd(site, LASER, card.first);
      const startedMs = performance.now();
      const row = await untilRow(site, "the use in the usage log", isUse(LASER, badge));
      must(row.personName === person.first, `the log names ${row.personName ?? "nobody"}`);
      return {
        outcome: `relay open; logged: ${row.personName}, ${row.durationMs ?? 0} ms`,
        latencyMs: { open: rounded(openedAfterMs), log: rounded(performance.now() - startedMs) },
      };
    }),
    step("stop the gateway", async () => {
      known = positions(await allRows(site));
      await site.stopGateway();
      must(!site.gatewayRunning, "the gateway still runs");
      return { outcome: `its process has ended; ${known.size} records are stored there` };
    }),
    step("tap at the laser without a gateway: the relay closes, the records wait at the machine", async () => {
      const tap = await tapToStart(site, LASER, card.first);
      await tapToEnd(site, LASER, card.first);
      return { ...started(tap), outcome: `${started(tap).outcome}; use ended by a second tap, nothing delivered` };
    }),
    step("cut the laser off, and start the gateway for the others", async () => {
      site.machine(LASER).cable.pull();
      const since = context.now();
      await site.startGateway();
      await untilAgentsReady(site, [PRINTER, SAW], since);
      must(!isConnected(site, LASER), "the laser is connected");
      return { outcome: "the others are connected again, the laser is not; its records still wait" };
    }),
    step("issue and write a new badge while the laser is cut off", async () => {
      second = await writeCardAt(site, PRINTER, await issue(person.second), card.second);
      must(!isConnected(site, LASER), "the laser is connected");
      return { outcome: `badge ${second.id} for ${second.personName}, written at ${PRINTER}` };
    }),
    step("tap the new badge at the laser that never heard of it: accepted", async () => {
      const tap = await tapToStart(site, LASER, card.second);
      await tapToEnd(site, LASER, card.second);
      const rows = await allRows(site);
      must(!rows.some(isUse(LASER, second)), "its record is at the gateway already");
      return started(tap);
    }),
    step("plug the laser in again: every record arrives exactly once", async () => {
      const startedMs = performance.now();
      pluggedAt = context.now();
      site.machine(LASER).cable.plug();
      await untilRow(site, "the new badge's use in the usage log", isUse(LASER, second));
      await untilDelivered(site, LASER);
      const arrivedMs = rounded(performance.now() - startedMs);
      const rows = await allRows(site);
      for (const [one, times] of [
        [badge, 2],
        [second, 1],
      ] as const) {
        for (const kind of ["sessionStarted", "sessionEnded"]) {
          const found = rows.filter((row) => row.kind === kind && row.holder === one.pseudonym).length;
          must(found === times, `${kind} of ${one.personName}: ${found} records instead of ${times}`);
        }
      }
      must(positions(rows).size === rows.length, "a record stands in the log twice");
      const waited = rows.filter(
        (row) => row.machine === LASER && !known.has(position(row)) && Date.parse(row.at) < pluggedAt,
      );
      must(waited.length >= 4, `only ${waited.length} records waited at the laser`);
      must(
        waited.every(({ receivedAt }) => Date.parse(receivedAt) >= pluggedAt - 1000),
        "a record claims to have arrived while the laser was cut off",
      );
      const { problems } = await site.api.verifyLog();
      must(problems.length === 0, `the log has problems: ${problems.map(({ detail }) => detail).join("; ")}`);
      return {
        outcome: `${waited.length} records had waited at the laser; each is here once, no gap in any chain`,
        latencyMs: { arrived: arrivedMs },
      };
    }),
    step("withdraw the badge: the laser has the new status list", async () => {
      const startedMs = performance.now();
      const { statusVersion } = await site.api.changeBadge(badge.id, "revoke", "card reported lost");
      await site.changes.until(`status list ${statusVersion} at the laser`, LONG_MS, () => {
        const applied = site.live.agents.get(LASER)?.report?.applied[`status/${badge.issuerKeyId}`];
        return applied !== undefined && applied >= statusVersion ? true : undefined;
      });
      const ms = rounded(performance.now() - startedMs);
      const { seenBy, missing } = await site.api.receipts(badge.id);
      must(seenBy.includes(LASER), `${LASER} has not confirmed it`);
      const all = seenBy.length + missing.length;
      return {
        outcome: `list version ${statusVersion} seen by ${seenBy.length} of ${all} agents`,
        latencyMs: { seen: ms },
      };
    }),
    step("tap the withdrawn badge: refused with BADGE_REVOKED, and told what to do", async () => {
      const tap = await tapRefused(site, LASER, card.first, "BADGE_REVOKED");
      must(/see staff/i.test(said(tap.screen)), `the screen does not say what to do: ${said(tap.screen)}`);
      await untilRow(site, "the refusal in the usage log", (row) => row.code === "BADGE_REVOKED");
      return refusal(tap, "BADGE_REVOKED");
    }),
    refuses("a badge with one byte changed", LASER, "edited", "SIGNATURE_INVALID"),
    refuses("an expired badge", LASER, "expired", "BADGE_EXPIRED"),
    refuses("a badge of an unknown issuer", LASER, "foreign", "ISSUER_UNTRUSTED"),
    refuses("a badge for another training", LASER, "mateo", "TRAINING_MISSING"),
    refuses("a badge whose laser training ended, at the laser", LASER, "ended", "TRAINING_ENDED"),
    step("the same badge at the printer: accepted", async () => {
      const { card: ended } = cardOf("ended");
      const tap = await tapToStart(site, PRINTER, ended);
      await tapToEnd(site, PRINTER, ended);
      return started(tap);
    }),
    refuses("a badge copied to another card", LASER, "copied", "CARD_MISMATCH"),
    step("the original of the copy: accepted", async () => {
      const { card: original } = cardOf("amara");
      const tap = await tapToStart(site, LASER, original);
      await tapToEnd(site, LASER, original);
      return started(tap);
    }),
    step("the usage log holds everything, without a gap", async () => {
      for (const { id } of site.machines.values()) await untilDelivered(site, id);
      const { rows, problems } = await site.api.verifyLog();
      must(problems.length === 0, `the log has problems: ${problems.map(({ detail }) => detail).join("; ")}`);
      return { outcome: `${rows} records of ${site.machines.size} machines, every chain whole` };
    }),
  ];
}

function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

function started({ decision, closedAfterMs }: TapOutcome) {
  const closed = rounded(closedAfterMs ?? 0);
  return {
    outcome: `relay closed ${closed} ms after the card, decided in ${decision.decisionUs} µs`,
    latencyMs: { relay: closed, decision: decision.decisionUs / 1000 },
  };
}

function refusal({ decision, screen }: TapOutcome, code: string): StepOutcome {
  return {
    outcome: `${code}; the screen says: ${said(screen)}`,
    latencyMs: { decision: decision.decisionUs / 1000 },
  };
}

function isUse(machine: string, badge: BadgeView): (row: LogView) => boolean {
  return (row) => row.machine === machine && row.kind === "sessionEnded" && row.holder === badge.pseudonym;
}

async function untilRow(site: DemoSite, what: string, fits: (row: LogView) => boolean): Promise<LogView> {
  return site.changes.until(what, LONG_MS, () => site.live.rows.find(fits));
}

function isConnected(site: DemoSite, id: string): boolean {
  return site.live.agents.get(id)?.connected ?? false;
}

/** Nothing waits at the machine any more, by its own signed report. */
async function untilDelivered(site: DemoSite, id: string): Promise<void> {
  await site.changes.until(`the last records of ${id}`, LONG_MS, () => {
    const agent = site.live.agents.get(id);
    return agent?.connected && agent.report?.pendingRecords === 0 ? true : undefined;
  });
}

async function allRows(site: DemoSite): Promise<readonly LogView[]> {
  const rows: LogView[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await site.api.log({ limit: 1000, ...(after !== undefined && { after }) });
    rows.push(...page.rows);
    if (page.next === null || page.rows.length === 0) return rows;
    after = page.next;
  }
}

function position({ agent, boot, sequence }: LogView): string {
  return `${agent}/${boot}/${sequence}`;
}

function positions(rows: readonly LogView[]): ReadonlySet<string> {
  return new Set(rows.map(position));
}
