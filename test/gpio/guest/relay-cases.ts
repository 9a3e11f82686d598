import { existsSync, writeFileSync } from "node:fs";
import type { MachinePolicy } from "@badgekey/shared";
import { type GuestCase, pause, until } from "./cases.js";
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

/** Pulled down at power-up, and active high; pulled up, and active low. */
const HIGH = { pin: 17, activeLow: false, pull: "down" } as const;
const LOW = { pin: 5, activeLow: true, pull: "up" } as const;
type Board = typeof HIGH | typeof LOW;

const ALIVE_PIN = 24;
const BUSY_PIN = 22;
const STOP_PIN = 23;

/**
 * The relay's holder on real lines, by one driver: killed, halted, crashed and stopped in every order, seen from the
 * pin's other side. What only systemd can see to is in systemd-cases.ts.
 */
export function relayCases(bench: RelayBench): readonly GuestCase[] {
  const { driver, chip, trace, bars } = bench;
  const named = (name: string, run: GuestCase["run"]): GuestCase => ({ name: `${name} (${driver})`, run });
  const closed = (board: Board): 0 | 1 => (board.activeLow ? 0 : 1);
  const open = (board: Board): 0 | 1 => (board.activeLow ? 1 : 0);
  const edges = (board: Board): readonly Edge[] => edgesOf(trace.events(), board.pin, open(board));

  const setup = (board: Board, more: Partial<MachinePolicy["wiring"]> = {}): UserSetup => ({
    relay: { driver, pin: board.pin, activeLow: board.activeLow },
    wiring: { output: "hold", pulseSeconds: 15, lamps: {}, inputs: {}, ...more },
  });
  const fresh = async (board: Board, more?: Partial<MachinePolicy["wiring"]>): Promise<RelayUser> => {
    chip.pull(board.pin, board.pull);
    // sysfs keeps a line exported after its user's death; each case begins with none.
    unexport(chip.base + board.pin);
    trace.clear();
    return startUser(setup(board, more));
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
    const events = trace.events();
    const after = edgesOf(events, board.pin, open(board)).filter(({ us }) => us >= markedAt(events, mark));
    const [edge] = after;
    if (after.length !== 1 || edge?.level !== open(board)) {
      throw new Error(`after ${mark} the line went ${JSON.stringify(after)}`);
    }
    return (edge.us - markedAt(events, mark)) / 1000;
  };
  const within = (what: string, ms: number, most: number): void => {
    if (ms > most) throw new Error(`${what}: ${ms.toFixed(0)} ms, at most ${most} ms are allowed`);
  };
  /** Runs with a user of its own, which is ended afterwards. */
  const withUser =
    (board: Board, run: (user: RelayUser, measure: (name: string, value: number) => void) => Promise<void>) =>
    async (measure: (name: string, value: number) => void): Promise<void> => {
      const user = await fresh(board);
      try {
        await run(user, measure);
      } finally {
        await user.end();
      }
    };
  const kill = (mark: string, signal: NodeJS.Signals, ...pids: readonly number[]): void => {
    trace.mark(mark);
    for (const pid of pids) process.kill(pid, signal);
  };

  const glitchFree = (board: Board): GuestCase =>
    named(
      `R1: an active-${board.activeLow ? "low" : "high"} relay opens, starts and stops without a glitch`,
      withUser(board, async (user) => {
        if (edges(board).length > 0) throw new Error(`at open the line went ${JSON.stringify(edges(board))}`);
        const first = trace.events().find((event) => event.kind !== "mark" && event.pin === board.pin);
        if (first?.kind !== "level" || first.level !== open(board)) {
          throw new Error(`the line was not opened at its inactive level: ${JSON.stringify(first)}`);
        }
        await renewing(user, board);
        await pause(1000);
        user.signal("SIGTERM");
        await until("the end of the user", () => user.isGone);
        await opened("a normal stop", board);
        const went = edges(board).map(({ level }) => level);
        if (went.join() !== [closed(board), open(board)].join()) throw new Error(`the line went ${went.join()}`);
      }),
    );

  return [
    glitchFree(HIGH),
    glitchFree(LOW),
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
    named(
      "R2: killed with -9, the holder leaves the relay open, and the next one takes permits",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        const { holder } = user;
        user.say("rest");
        await opened("rest");
        await renewing(user);
        trace.clear();
        kill("kill", "SIGKILL", holder);
        await user.hears("a fault", ({ kind }) => kind === "fault");
        await until("a permit by another holder", () => user.holder !== holder);
        const events = trace.events();
        const after = edgesOf(events, HIGH.pin, 0, 1).filter(({ us }) => us >= markedAt(events, "kill"));
        const ms = ((after[0]?.us ?? Number.NaN) - markedAt(events, "kill")) / 1000;
        if (after.map(({ level }) => level).join() !== "0,1") throw new Error(`the line went ${JSON.stringify(after)}`);
        measure("openAfterKillOfHolderMs", ms);
        within("from the kill to the open relay", ms, bars.killMs);
      }),
    ),
    named(
      "R2: an idle holder's death is told at once",
      withUser(HIGH, async (user) => {
        kill("kill", "SIGKILL", user.holder);
        await user.hears("a fault", ({ kind }) => kind === "fault");
        if (edges(HIGH).length > 0) throw new Error(`the line went ${JSON.stringify(edges(HIGH))}`);
      }),
    ),
    named(
      "R2: halted beyond its deadline, the agent leaves the relay open",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        kill("halt", "SIGSTOP", user.pid);
        const ms = await openedAfter("halt");
        measure("openAfterHaltOfAgentMs", ms);
        within("from the halt to the open relay", ms, bars.haltMs);
      }),
    ),
    named(
      "R2: halted beyond its deadline, the holder is killed and leaves the relay open",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        user.say("renew");
        const { holder } = user;
        kill("halt", "SIGSTOP", holder);
        await until("the holder's end", () => !isRunning(holder));
        const events = trace.events();
        const [first] = edgesOf(events, HIGH.pin, 0).filter(({ us }) => us >= markedAt(events, "halt"));
        const ms = ((first?.us ?? Number.NaN) - markedAt(events, "halt")) / 1000;
        if (first?.level !== 0) throw new Error(`the line went ${JSON.stringify(first)}`);
        measure("openAfterHaltOfHolderMs", ms);
        within("from the halt to the open relay", ms, bars.haltMs);
      }),
    ),
    named(
      "R2: an agent that dies of a defect leaves the relay open",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        trace.mark("defect");
        user.say("throw");
        const ms = await openedAfter("defect");
        measure("openAfterDefectMs", ms);
        within("from the defect to the open relay", ms, bars.killMs);
      }),
    ),
    named(
      "R2: stopped with SIGTERM, the holder opens the relay",
      withUser(HIGH, async (user, measure) => {
        await renewing(user);
        user.say("rest");
        await opened("rest");
        await renewing(user);
        trace.clear();
        kill("stop", "SIGTERM", user.holder);
        await until("the open relay", () => edgesOf(trace.events(), HIGH.pin, 0, 1).length > 0);
        const events = trace.events();
        const [first] = edgesOf(events, HIGH.pin, 0, 1);
        if (first?.level !== 0) throw new Error(`the line went ${JSON.stringify(first)}`);
        measure("openAfterStopOfHolderMs", (first.us - markedAt(events, "stop")) / 1000);
      }),
    ),
    named("R2: a line that a dead program left active is inactive once the relay is open", async () => {
      unexport(chip.base + HIGH.pin);
      leaveActive(chip.base + HIGH.pin);
      if (chip.level(HIGH.pin) !== 1) throw new Error("the line should have been left active");
      // The character device cannot have a line that sysfs keeps: lines-off gives it back at the unit's start.
      if (driver === "chardev") unexport(chip.base + HIGH.pin);
      const user = await startUser(setup(HIGH));
      try {
        if (chip.level(HIGH.pin) !== 0) throw new Error("the line is active, and nobody permitted it");
      } finally {
        await user.end();
      }
    }),
    named("the alive output beats only while the relay is permitted", async (measure) => {
      chip.pull(ALIVE_PIN, "down");
      unexport(chip.base + ALIVE_PIN);
      const user = await fresh(HIGH, { alive: { pin: ALIVE_PIN, activeLow: false } });
      try {
        const beats = (): number => edgesOf(trace.events(), ALIVE_PIN, 0).length;
        await pause(300);
        if (beats() > 0) throw new Error("it beats while nothing is permitted");
        await renewing(user);
        await pause(2000);
        const seen = beats();
        measure("beatsInTwoSeconds", seen / 2);
        if (seen < 12) throw new Error(`only ${seen} edges in over two seconds`);
        user.say("rest");
        await opened("rest");
        const atRest = beats();
        await pause(300);
        if (beats() !== atRest || chip.level(ALIVE_PIN) !== 0) throw new Error("it beats on after the permit's end");
      } finally {
        await user.end();
      }
    }),
    named("contacts are told debounced and with their polarity, and as lost while they chatter", async () => {
      for (const pin of [BUSY_PIN, STOP_PIN]) unexport(chip.base + pin);
      chip.pull(BUSY_PIN, "down");
      chip.pull(STOP_PIN, "up");
      const user = await fresh(HIGH, {
        inputs: {
          busy: { pin: BUSY_PIN, activeLow: false },
          emergencyStop: { pin: STOP_PIN, activeLow: true },
        },
      });
      try {
        const told = (input: string): string =>
          user.told.flatMap((one) => (one.kind === "input" && one.input === input ? [String(one.active)] : [])).join();
        await until("first reports of both", () => told("busy") === "false" && told("emergencyStop") === "false");
        chip.pull(BUSY_PIN, "up");
        await until("a report of the closed contact", () => told("busy") === "false,true");
        // A spike of a millisecond or two is no contact.
        chip.pull(STOP_PIN, "down");
        chip.pull(STOP_PIN, "up");
        await pause(300);
        if (told("emergencyStop") !== "false") throw new Error(`a spike was told: ${told("emergencyStop")}`);
        const chatterEndAt = performance.now() + 2000;
        for (let up = false; performance.now() < chatterEndAt; up = !up) {
          chip.pull(BUSY_PIN, up ? "up" : "down");
          await pause(5);
        }
        await until("a report of the lost contact", () => told("busy") === "false,true,lost", 5000);
        chip.pull(BUSY_PIN, "down");
        await until("a report of the still contact", () => told("busy") === "false,true,lost,false", 5000);
        chip.pull(STOP_PIN, "down");
        await until("a report of the emergency stop", () => told("emergencyStop") === "false,true");
      } finally {
        await user.end();
      }
    }),
  ];
}

function unexport(number: number): void {
  if (existsSync(`/sys/class/gpio/gpio${number}`)) writeFileSync("/sys/class/gpio/unexport", String(number));
}

/** What onoff leaves behind when it is killed. */
function leaveActive(number: number): void {
  writeFileSync("/sys/class/gpio/export", String(number));
  writeFileSync(`/sys/class/gpio/gpio${number}/direction`, "high");
}
