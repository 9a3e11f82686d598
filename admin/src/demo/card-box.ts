import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, randomBytes, toHex } from "@badgekey/shared";
import { VirtualNtag, ntagWithBadge } from "@badgekey/shared/testing";
import { z } from "zod";

/** What is special about a card of the demo. */
export const cardKinds = ["person", "blank", "copied", "edited", "expired", "ended", "foreign"] as const;
export type CardKind = (typeof cardKinds)[number];

const stored = z.strictObject({
  id: z.string(),
  kind: z.enum(cardKinds),
  /** Whose name stands on it; empty for a blank card. */
  name: z.string(),
  /** What stands below: trainings as people say them. */
  trainings: z.array(z.string()),
  note: z.string(),
  /** The badge it carries, as the gateway names it. */
  badge: z.string().nullable(),
  uid: z.string(),
  memory: z.string(),
});
const file = z.strictObject({ cards: z.array(stored) });

/** One virtual NTAG215 of the tray, with what stands on it. */
export interface DemoCard extends Omit<z.output<typeof stored>, "uid" | "memory"> {
  readonly card: VirtualNtag;
}

/** The demo's cards, kept in one file: a second start finds what was written on them. */
export class CardBox {
  readonly #path: string;
  readonly #cards: Map<string, DemoCard>;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, cards: readonly DemoCard[]) {
    this.#path = path;
    this.#cards = new Map(cards.map((card) => [card.id, card]));
  }

  /** Opens the box of a demo directory; an absent file is an empty box. Throws what zod throws for a damaged one. */
  static async open(demoDir: string): Promise<CardBox> {
    const path = join(demoDir, "cards.json");
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return '{"cards":[]}';
      throw error;
    });
    const { cards } = file.parse(JSON.parse(text));
    return new CardBox(
      path,
      cards.map(({ uid, memory, ...rest }) => {
        const card = new VirtualNtag("NTAG215", fromHex(uid));
        card.restore(Buffer.from(memory, "base64"));
        return { ...rest, card };
      }),
    );
  }

  all(): readonly DemoCard[] {
    return [...this.#cards.values()];
  }

  get(id: string): DemoCard | undefined {
    return this.#cards.get(id);
  }

  /** Adds a card or replaces the one of that id, and saves. */
  async put(card: DemoCard): Promise<void> {
    this.#cards.set(card.id, card);
    await this.save();
  }

  /** Writes all cards' memories to the file, whole or not at all. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const cards = this.all().map(({ card, ...rest }) => ({
        ...rest,
        uid: toHex(card.uid),
        memory: Buffer.from(card.snapshot()).toString("base64"),
      }));
      const draft = `${this.#path}.new`;
      await writeFile(draft, JSON.stringify({ cards }, null, 1), { mode: 0o600 });
      await rename(draft, this.#path);
    });
    return this.#saving;
  }
}

/** A factory-fresh card with a random UID as NXP makes them. */
export function blankCard(): VirtualNtag {
  return new VirtualNtag("NTAG215", randomUid());
}

export function randomUid(): Uint8Array {
  return Uint8Array.of(0x04, ...randomBytes(6));
}

/** All that can be read from one card, on another: its UID stays behind. */
export function copyOf(original: VirtualNtag): VirtualNtag {
  const copy = blankCard();
  copy.restore(original.snapshot());
  return copy;
}

export { ntagWithBadge };
