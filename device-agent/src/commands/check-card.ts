import { type SiteState, toHex, verifyBadge } from "@badgekey/shared";
import type { ReaderConfig } from "../config.js";
import type { Card, Reader } from "../ports.js";
import { CardError } from "../presentation/card-error.js";
import { readCard } from "../presentation/read-card.js";
import type { DoctorProbes } from "./doctor-probes.js";
import { type Finding, failed, ok, warning } from "./finding.js";
import { mendFor, withoutKind } from "./check-reader.js";

const CARD_WAIT_MS = 20_000;
const KINDS = { type2: "NFC Forum Type 2 tag", type4: "NFC Forum Type 4 card or phone" } as const;

export interface CardTest {
  /** What a badge is judged by; absent before the first lists have arrived. */
  readonly site?: SiteState;
  /** The computer's own clock: for telling a person, never for opening. */
  readonly now: number;
  /** Told what to do with a card, in words for people. */
  readonly onAsk: (what: string) => void;
  readonly waitMs?: number;
}

/**
 * Waits for a card on the reader and says what is on it: its kind, the end of its UID, whether its badge is accepted.
 */
export async function checkCard(
  config: ReaderConfig,
  probes: Pick<DoctorProbes, "openReader">,
  test: CardTest,
): Promise<Finding> {
  const reader = await probes.openReader(config);
  try {
    const seen = await cardOn(reader, test);
    return typeof seen === "string"
      ? failed("card", withoutKind(seen), mendFor(seen))
      : seen === undefined
        ? failed("card", "none was laid on the reader", "lay it flat in the middle of the reader, then once more")
        : await judge(seen, test);
  } finally {
    await reader.close();
  }
}

/** A card; why there can be none; undefined where none came in time. */
function cardOn(reader: Reader, { onAsk, waitMs = CARD_WAIT_MS }: CardTest): Promise<Card | string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), waitMs);
    const done = (seen: Card | string): void => {
      clearTimeout(timer);
      resolve(seen);
    };
    reader.start((event) => {
      if (event.kind === "readerReady") onAsk(`lay a card on ${event.reader}`);
      if (event.kind === "cardFound") onAsk("take away the card that lies there, then lay it there again");
      if (event.kind === "cardPresented") done(event.card);
      if (event.kind === "readerLost") done(event.reason);
    });
  });
}

async function judge(card: Card, { site, now }: CardTest): Promise<Finding> {
  try {
    const { uid, kind, badge } = await readCard(card);
    const seen = `${KINDS[kind]}, UID of ${String(uid.length)} bytes ending in ${toHex(uid).slice(-4)}`;
    if (!badge) return warning("card", `${seen}, without a badge`, "write one: badgekey badge write --help");
    if (!site) return ok("card", `${seen}, a badge of ${String(badge.length)} bytes; no lists yet to judge it by`);
    const verdict = verifyBadge(badge, site, now);
    if (!verdict.ok) {
      return warning(
        "card",
        `${seen}, its badge is refused: ${verdict.code}`,
        "see the person's badges in the console",
      );
    }
    const end = new Date(verdict.badge.claims.expiresAt).toISOString().slice(0, 10);
    return ok("card", `${seen}, a badge of ${String(badge.length)} bytes, good until ${end} at the latest`);
  } catch (error) {
    if (!(error instanceof CardError)) throw error;
    return failed("card", `${error.code}: ${error.message}`, "lay it flat and leave it there; else try another card");
  }
}
