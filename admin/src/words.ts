import type { AgentView, BadgeView, Level } from "@badgekey/shared";

/** The words people read; programs get the codes with --json. */
export const levelWords = { 1: "trainee", 2: "user", 3: "trainer", 4: "steward" } as const satisfies Record<
  Level,
  string
>;

export const badgeStateWords: Readonly<Record<BadgeView["state"], string>> = {
  awaitingCard: "waiting for a card",
  valid: "valid",
  suspended: "on hold",
  superseded: "replaced",
  revoked: "withdrawn",
  expired: "ended",
};

export function levelWord(level: Level): string {
  return levelWords[level];
}

/** Reads a level as people or programs write it; undefined for anything else. */
export function readLevel(text: string): Level | undefined {
  for (const [number, word] of Object.entries(levelWords)) {
    if (text === number || text.toLowerCase() === word) return Number(number) as Level;
  }
  return undefined;
}

export function connectionWord(agent: AgentView): string {
  if (!agent.enrolled) return "not enrolled";
  return agent.connected ? "connected" : "no contact";
}

export function clockWord(clock: "untrusted" | "holdover" | "synced" | undefined): string {
  if (clock === undefined) return "";
  return clock === "untrusted" ? "clock not confirmed" : "clock confirmed";
}

/** "1 badge", "3 badges"; `many` where an s is not enough. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How long something took or is away, in the largest unit that says enough: "340 ms", "12 s", "4 min", "3 h", "21
 * days".
 */
export function spanWord(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 2 * MINUTE) return `${Math.round(ms / 1000)} s`;
  if (ms < 2 * HOUR) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} days`;
}
