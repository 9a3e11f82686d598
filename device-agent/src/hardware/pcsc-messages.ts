/** What the reader process tells the agent. Bytes travel as hex. */
export type FromReaderProcess =
  | { readonly type: "alive" }
  | { readonly type: "bound"; readonly reader: string }
  | { readonly type: "unbound"; readonly reason: string }
  /** A card lay on the bound reader before it was watched. */
  | { readonly type: "found" }
  | { readonly type: "card"; readonly card: number; readonly atr: string }
  | { readonly type: "gone"; readonly card: number }
  | { readonly type: "answer"; readonly id: number; readonly data: string }
  | { readonly type: "failed"; readonly id: number; readonly message: string; readonly gone: boolean }
  /** The light is as it was asked, or the reader has no light that can be had. */
  | { readonly type: "shown"; readonly ok: boolean };

/** What the agent tells the reader process. */
export type ToReaderProcess =
  | { readonly type: "apdu"; readonly card: number; readonly id: number; readonly data: string }
  /** An escape command for the reader itself: its light. */
  | { readonly type: "light"; readonly data: string };

/** How often the reader process says that its event loop turns. */
export const ALIVE_EVERY_MS = 1000;

/** The file descriptor on which the reader process talks: not standard output, which libraries may write to. */
export const MESSAGE_FD = 3;

/** No message of either side is longer, in characters. */
export const LONGEST_MESSAGE = 8192;

/** No text in a message is longer: names of readers, and what went wrong. */
const LONGEST_TEXT = 1000;

/** Beyond the longest answer to a short APDU; an answer that does not fit is an error, not a crash. */
export const ANSWER_LIMIT = 512;

/** What installs the driver: without a compiler npm leaves nfc-pcsc out, and says nothing. */
export const MEND = "run: sudo apt-get install -y build-essential libpcsclite-dev pcscd && npm ci";

/** One line of ASCII, whatever characters a reader's name has. */
export function encodeMessage(message: FromReaderProcess | ToReaderProcess): string {
  const cut = (key: string, value: unknown): unknown =>
    typeof value === "string" && key !== "data" ? value.slice(0, LONGEST_TEXT) : value;
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(message, cut).replaceAll(/[\u0080-\uffff]/g, escape)}\n`;
}

/**
 * A message of the reader process; undefined for anything else. What it says is believed of cards only (SAFETY R14).
 */
export function decodeFromReader(line: string): FromReaderProcess | undefined {
  const said = fieldsOf(line);
  switch (said?.["type"]) {
    case "alive":
      return { type: "alive" };
    case "found":
      return { type: "found" };
    case "bound":
      return isText(said["reader"]) && said["reader"] !== "" ? { type: "bound", reader: said["reader"] } : undefined;
    case "unbound":
      return isText(said["reason"]) ? { type: "unbound", reason: said["reason"] } : undefined;
    case "card":
      return isNumber(said["card"]) && isHex(said["atr"])
        ? { type: "card", card: said["card"], atr: said["atr"] }
        : undefined;
    case "gone":
      return isNumber(said["card"]) ? { type: "gone", card: said["card"] } : undefined;
    case "answer":
      return isNumber(said["id"]) && isHex(said["data"])
        ? { type: "answer", id: said["id"], data: said["data"] }
        : undefined;
    case "failed": {
      const { id, message, gone } = said;
      return isNumber(id) && isText(message) && typeof gone === "boolean"
        ? { type: "failed", id, message, gone }
        : undefined;
    }
    case "shown":
      return typeof said["ok"] === "boolean" ? { type: "shown", ok: said["ok"] } : undefined;
    default:
      return undefined;
  }
}

/** A message of the agent; undefined for anything else. */
export function decodeToReader(line: string): ToReaderProcess | undefined {
  const said = fieldsOf(line);
  if (!said) return undefined;
  const { type, card, id, data } = said;
  if (type === "light") return isHex(data) ? { type, data } : undefined;
  if (type !== "apdu") return undefined;
  return isNumber(card) && isNumber(id) && isHex(data) ? { type, card, id, data } : undefined;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // No JSON is as good as no message: the caller says so.
    return undefined;
  }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= LONGEST_TEXT;
}

function isHex(value: unknown): value is string {
  return typeof value === "string" && value.length <= 2 * ANSWER_LIMIT && /^(?:[0-9a-f]{2})*$/.test(value);
}
