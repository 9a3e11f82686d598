import { existsSync, writeFileSync } from "node:fs";
import { type GuestCase, type Measure, pause, until } from "./cases.js";
import type { SimulatedChip } from "./gpio-sim.js";
import { type Edge, edgesOf, type LineTrace, markedAt } from "./line-trace.js";
import { isRunning, RelayUser, startUser } from "./relay-station.js";
import type { UserSetup } from "./relay-user.js";

export type Driver = "sysfs" | "chardev";

export interface RelayBench {
  readonly driver: Driver;
  readonly chip: SimulatedChip;
  readonly trace: LineTrace;
  /** Longest time in ms from a death to the open relay, and beyond the deadline after a halt. */
  readonly bars: { readonly killMs: number; readonly haltMs: number };
}

const ALIVE_PIN = 24;
const BUSY_PIN = 22;
const ESTOP_PIN = 23;
const RUN_ON_PIN = 25;
const STOP_PIN = 6;

/** Pulled down at power-up, and active high. */
const HIGH = {
  pin: 17,
  activeLow: false,
  lines: [{ pin: 17, pull: "down" }],
  wiring: { inputs: {} },
} as const;
/** Pulled up, and active low; with contacts and three more outputs beside the relay. */
const LOW = {
  pin: 5,
  activeLow: true,
  lines: [
    { pin: 5, pull: "up" },
    { pin: ALIVE_PIN, pull: "down" },
    { pin: BUSY_PIN, pull: "down" },
    { pin: ESTOP_PIN, pull: "up" },
    { pin: RUN_ON_PIN, pull: "down" },
    { pin: STOP_PIN, pull: "up" },
  ],
  wiring: {
    alive: { pin: ALIVE_PIN, activeLow: false },
    runOn: { pin: RUN_ON_PIN, activeLow: false },
    stop: { pin: STOP_PIN, activeLow: true },
    inputs: { busy: { pin: BUSY_PIN, activeLow: false }, emergencyStop: { pin: ESTOP_PIN, activeLow: true } },
  },
} as const;
type Board = typeof HIGH | typeof LOW;

/**
 * The relay's holder on real lines, by one driver: killed, halted, crashed and stopped in every order, seen from the
 * pin's other side. What only systemd can see to is in after-cut-main.ts.
 */
export function relayCases(bench: RelayBench): readonly GuestCase[] {
  const { driver, chip, trace, bars } = bench;
  const named = (name: string, run: GuestCase["run"]): GuestCase => ({ name: `${name} (${driver})`, run });
  const closed = (board: Board): 0 | 1 => (board.activeLow ? 0 : 1);
  const open = (board: Board): 0 | 1 => (board.activeLow ? 1 : 0);
  const edges = (board: Board): readonly Edge[] => edgesOf(trace.events(), board.pin, open(board));

  const setup = (board: Board): UserSetup => ({
    relay: { driver, pin: board.pin, activeLow: board.activeLow },
    wiring: { output: "hold", pulseSeconds: 15, lamps: {}, ...board.wiring },
  });
  // Node takes seconds to start in an emulated machine: a user that outlived its case serves the next one too.
  let shared: { readonly board: Board; readonly user: RelayUser } | undefined;
  const begin = async (board: Board): Promise<RelayUser> => {
    if (shared?.board === board && !shared.user.isGone) {
      // What opened by itself is permitted again once it has been opened on purpose (R5).
      shared.user.say("rest");
      await renewing(shared.user, board);
      shared.user.say("rest");
      await opened("rest", board);
      trace.clear();
      return shared.user;
    }
    await shared?.user.end();
    for (const { pin, pull } of board.lines) {
      chip.pull(pin, pull);
      // sysfs keeps a line exported after its user's death.
      unexport(chip.base + pin);
    }
    trace.clear();
    shared = { board, user: await startUser(setup(board)) };
    return shared.user;
  };
  const renewing = async (user: RelayUser, board: Board = HIGH): Promise<void> => {
    const before = user.told.filter(({ kind }) => kind === "permitted").length;
    user.say("renew");
    await user.hears("three more permits", ({ kind }) => kind === "permitted", before + 3);
    if (chip.level(board.pin) !== closed(board)) throw new Error("permitted, and the line is not active");
  };
  const opened = async (what: string, board: Board = HIGH): Promise<void> =>
    until(`the inactive line after ${what}`, () => chip.level(board.pin) === open(board));
  /** Milliseconds from a mark to the line's last edge, which must have made it inactive; it must stay so. */
  const openedAfter = async (mark: string, board: Board = HIGH): Promise<number> => {
    await opened(mark, board);
    return letGoAfter(mark, board.pin, open(board));
  };
  const letGoAfter = (mark: string, pin: number, inactive: 0 | 1): number => {
    const events = trace.events();
    const after = edgesOf(events, pin, inactive).filter(({ us }) => us >= markedAt(events, mark));
    const [edge] = after;
    if (after.length !== 1 || edge?.level !== inactive) {
      throw new Error(`after ${mark} line ${pin} went ${JSON.stringify(after)}`);
    }
    return (edge.us - markedAt(events, mark)) / 1000;
  };
  const within = (what: string, ms: number, most: number): void => {
    if (ms > most) throw new Error(`${what}: ${ms.toFixed(0)} ms, at most ${most} ms are allowed`);
  };
  const withUser =
    (board: Board, run: (user: RelayUser, measure: Measure) => Promise<void>): GuestCase["run"] =>
    async (measure) => {
      const user = await begin(board);
      try {
        await run(user, measure);
      } catch (error) {
        // The next case begins with a new one, whatever this one was left in.
        await user.end();
        throw error;
      }
    };
  const kill = (mark: string, signal: NodeJS.Signals, ...pids: readonly number[]): void => {
    trace.mark(mark);
    for (const pid of pids) process.kill(pid, signal);
  };

  const opensClean = (board: Board): GuestCase =>
    named(
      `R1: an active-${board.activeLow ? "low" : "high"} relay opens and starts without a glitch`,
      withUser(board, async (user) => {
        const first = trace.events().find((event) => event.kind !== "mark" && event.pin === board.pin);
        if (first?.kind !== "level" || first.level !== open(board)) {
          throw new Error(`the line was not opened at its inactive level: ${JSON.stringify(first)}`);
        }
        if (edges(board).length > 0) throw new Error(`at open the line went ${JSON.stringify(edges(board))}`);
        await renewing(user, board);
        await pause(1000);
        noGlitch(edges(board));
      }),
    );
  const stopsClean = (board: Board): GuestCase =>
    named(
      `R1: a normal stop opens an active-${board.activeLow ? "low" : "high"} relay, once and for all`,
      withUser(board, async (user) => {
        await renewing(user, board);
        user.signal("SIGTERM");
        await until("the end of the user", () => user.isGone);
        await opened("a normal stop", board);
        noGlitch(edges(board));
      }),
    );
  const firstEdge = async (mark: string): Promise<{ readonly ms: number; readonly level: 0 | 1 }> => {
    const after = (): readonly Edge[] => {
      const events = trace.events();
      return edgesOf(events, HIGH.pin, 0).filter(({ us }) => us >= markedAt(events, mark));
    };
    await until(`an edge after ${mark}`, () => after().length > 0);
    const [edge] = after();
    return { ms: (edge!.us - markedAt(trace.events(), mark)) / 1000, level: edge!.level };
  };
  /**
   * The holder is ended while the relay is permitted: open at once, and closed anew only by another holder's permit.
   */
  const holderEnds = (what: string, mark: "kill" | "halt" | "stop", figure: string, most: number): GuestCase =>
    named(
      what,
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        const { holder } = user;
        const signals = { kill: "SIGKILL", halt: "SIGSTOP", stop: "SIGTERM" } as const;
        kill(mark, signals[mark], holder);
        const { ms, level } = await firstEdge(mark);
        if (level !== 0) throw new Error("the line rose");
        measure(figure, ms);
        await user.hears("a fault", ({ kind }) => kind === "fault");
        await until("a permit by another holder", () => user.holder !== holder);
        if (isRunning(holder)) throw new Error("the old holder lives on beside the new one");
        noGlitch(edges(HIGH));
        within(`from the ${mark} to the open relay`, ms, most);
      }),
    );

  return [
    opensClean(HIGH),
    holderEnds(
      "R2: killed with -9, the holder leaves the relay open, and the next one takes permits",
      "kill",
      "openAfterKillOfHolderMs",
      bars.killMs,
    ),
    holderEnds(
      "R2: halted beyond its deadline, the holder is killed and leaves the relay open",
      "halt",
      "openAfterHaltOfHolderMs",
      bars.haltMs,
    ),
    holderEnds("R2: stopped with SIGTERM, the holder opens the relay", "stop", "openAfterStopOfHolderMs", bars.killMs),
    named(
      "R2: an idle holder's death is told at once",
      withUser(HIGH, async (user) => {
        const before = user.told.filter(({ kind }) => kind === "fault").length;
        kill("kill", "SIGKILL", user.holder);
        await user.hears("a fault", ({ kind }) => kind === "fault", before + 1);
        if (edges(HIGH).length > 0) throw new Error(`the line went ${JSON.stringify(edges(HIGH))}`);
      }),
    ),
    named(
      "R2: halted beyond its deadline, the agent leaves the relay open",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        kill("halt", "SIGSTOP", user.pid);
        const ms = await openedAfter("halt");
        user.signal("SIGCONT");
        await user.hears("that its renewals come too late", ({ kind }) => kind === "refused");
        if (chip.level(HIGH.pin) !== open(HIGH)) throw new Error("a late renewal closed the relay (R5)");
        measure("openAfterHaltOfAgentMs", ms);
        within("from the halt to the open relay", ms, bars.haltMs);
      }),
    ),
    named(
      "R2: killed with -9, the agent leaves the relay open",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        const { holder } = user;
        kill("kill", "SIGKILL", user.pid);
        const ms = await openedAfter("kill");
        measure("openAfterKillOfAgentMs", ms);
        within("from the kill to the open relay", ms, bars.killMs);
        await until("the holder's end", () => !isRunning(holder));
      }),
    ),
    named("R2: a line that a dead program left active is inactive once the relay is open", async () => {
      await shared?.user.end();
      unexport(chip.base + HIGH.pin);
      leaveActive(chip.base + HIGH.pin);
      if (chip.level(HIGH.pin) !== 1) throw new Error("the line should have been left active");
      // The character device cannot have a line that sysfs keeps: lines-off gives it back at the unit's start.
      if (driver === "chardev") unexport(chip.base + HIGH.pin);
      shared = { board: HIGH, user: await startUser(setup(HIGH)) };
      if (chip.level(HIGH.pin) !== 0) throw new Error("the line is active, and nobody permitted it");
    }),
    named(
      "R2: an agent that dies of a defect leaves the relay open",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        user.say("throw");
        await until("the agent's end", () => user.isGone);
        await opened("a defect");
        const ms = await openedAfter("defect");
        measure("openAfterDefectMs", ms);
        within("from the defect to the open relay", ms, bars.killMs);
      }),
    ),
    opensClean(LOW),
    named(
      "the alive output beats only while the relay is permitted",
      withUser(LOW, async (user, measure) => {
        const beats = (): number => edgesOf(trace.events(), ALIVE_PIN, 0).length;
        await pause(300);
        if (beats() > 0) throw new Error("it beats while nothing is permitted");
        await renewing(user, LOW);
        const before = beats();
        await pause(2000);
        const seen = beats() - before;
        measure("beatsASecond", seen / 4);
        if (seen < 12) throw new Error(`only ${seen} edges in two seconds`);
        user.say("rest");
        await opened("rest", LOW);
        // The relay is the first to be let go.
        await pause(100);
        const atRest = beats();
        await pause(300);
        if (beats() !== atRest || chip.level(ALIVE_PIN) !== 0) throw new Error("it beats on after the permit's end");
      }),
    ),
    named(
      "R2, R11: extraction runs on once the relay is open, and every output falls with a missed renewal",
      withUser(LOW, async (user, measure) => {
        const standing = (): string => [LOW.pin, RUN_ON_PIN, STOP_PIN].map((pin) => chip.level(pin)).join();
        if (standing() !== "1,0,1") throw new Error(`before anything is permitted: ${standing()}`);
        await renewing(user, LOW);
        await until("relay and extraction active", () => standing() === "0,1,1");
        user.say("runOn");
        await until("an open relay, extraction and stop active", () => standing() === "1,1,0");
        await pause(1500);
        if (standing() !== "1,1,0") throw new Error(`while it is renewed: ${standing()}`);
        kill("halt", "SIGSTOP", user.pid);
        await until("everything inactive", () => standing() === "1,0,1");
        const ms = Math.max(letGoAfter("halt", RUN_ON_PIN, 0), letGoAfter("halt", STOP_PIN, 1));
        user.signal("SIGCONT");
        await user.hears("that its renewals come too late", ({ kind }) => kind === "refused");
        measure("runOnEndsAfterHaltMs", ms);
        within("from the halt to the end of the run-on", ms, bars.haltMs);
      }),
    ),
    named(
      "contacts are told debounced and with their polarity, and as lost while they chatter",
      withUser(LOW, async (user) => {
        const told = (input: string): string =>
          user.told.flatMap((one) => (one.kind === "input" && one.input === input ? [String(one.active)] : [])).join();
        await until("first reports of both", () => told("busy") === "false" && told("emergencyStop") === "false");
        chip.pull(BUSY_PIN, "up");
        await until("a report of the closed contact", () => told("busy") === "false,true");
        // A spike of a millisecond or two is no contact.
        chip.pull(ESTOP_PIN, "down");
        chip.pull(ESTOP_PIN, "up");
        await pause(300);
        if (told("emergencyStop") !== "false") throw new Error(`a spike was told: ${told("emergencyStop")}`);
        const isTold = async (what: string, end: RegExp): Promise<void> =>
          until(what, () => end.test(told("busy")), 10_000).catch((error: unknown) => {
            throw new Error(`told of the contact: ${told("busy")}`, { cause: error });
          });
        const givesUpAt = performance.now() + 15_000;
        for (let up = false; !told("busy").includes("lost") && performance.now() < givesUpAt; up = !up) {
          for (const level of up ? ["up", "down", "up"] : ["down", "up", "down"]) {
            chip.pull(BUSY_PIN, level as "up" | "down");
          }
          await pause(5);
        }
        await isTold("a report of the lost contact", /^false,true,.*lost/);
        chip.pull(BUSY_PIN, "down");
        await isTold("a report of the still contact", /lost.*,false$/);
        chip.pull(ESTOP_PIN, "down");
        await until("a report of the emergency stop", () => told("emergencyStop") === "false,true");
      }),
    ),
    stopsClean(LOW),
  ];
}

/**
 * A level that lasts for less than this is a glitch. On a machine that is busy with other things a permit may be
 * renewed too late; the relay is then open for a while, as it must be.
 */
const GLITCH_US = 5000;

function noGlitch(edges: readonly Edge[]): void {
  const isGlitch = edges.some(({ us }, index) => index > 0 && us - edges[index - 1]!.us < GLITCH_US);
  if (isGlitch) throw new Error(`the line has a glitch: ${JSON.stringify(edges)}`);
}

function unexport(number: number): void {
  if (existsSync(`/sys/class/gpio/gpio${number}`)) writeFileSync("/sys/class/gpio/unexport", String(number));
}

/** What onoff leaves behind when it is killed. */
function leaveActive(number: number): void {
  writeFileSync("/sys/class/gpio/export", String(number));
  writeFileSync(`/sys/class/gpio/gpio${number}/direction`, "high");
}
