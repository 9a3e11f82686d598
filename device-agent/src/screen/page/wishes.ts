/// <reference lib="dom" />
import { byId, make } from "./dom.js";

/** The page's own texts in the language that is shown. */
export type OwnTexts = Readonly<Record<string, string>>;

const CONFIRM_MS = 4_000;
const CLOSE_MS = 30_000;
const TOLD_MS = 4_000;

/** The two things that people can do at the screen. Each is asked for twice: a sleeve ends nobody's use. */
export class Wishes {
  readonly #token: string;
  #texts: OwnTexts = {};
  #reasons: readonly string[] = [];
  #confirmTimer: ReturnType<typeof setTimeout> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(token: string) {
    this.#token = token;
    byId("end").addEventListener("click", () => void this.#end());
    byId("problem").addEventListener("click", () => this.#ask());
    byId("back").addEventListener("click", () => this.#close());
  }

  show(texts: OwnTexts, canEnd: boolean, reasons: readonly string[]): void {
    this.#texts = texts;
    this.#reasons = reasons;
    byId("end").hidden = !canEnd;
    if (!canEnd) this.#disarm();
    if (byId("end").dataset.armed !== "true") byId("end").textContent = texts["end"] ?? "";
    byId("problem").hidden = reasons.length === 0;
    byId("problem").textContent = texts["problem"] ?? "";
  }

  async #end(): Promise<void> {
    const button = byId("end");
    if (button.dataset.armed !== "true") {
      button.dataset.armed = "true";
      button.textContent = this.#texts["end.confirm"] ?? "";
      this.#confirmTimer = setTimeout(() => this.#disarm(), CONFIRM_MS);
      return;
    }
    this.#disarm();
    const status = await this.#post("/end", {});
    if (status === 202 || status === 429) return;
    button.textContent = this.#texts["end.failed"] ?? "";
    this.#confirmTimer = setTimeout(() => this.#disarm(), CONFIRM_MS);
  }

  #disarm(): void {
    clearTimeout(this.#confirmTimer);
    const button = byId("end");
    button.dataset.armed = "false";
    button.textContent = this.#texts["end"] ?? "";
  }

  #ask(): void {
    byId("problems-title").textContent = this.#texts["problem.title"] ?? "";
    byId("back").textContent = this.#texts["problem.cancel"] ?? "";
    byId("told").textContent = "";
    byId("reasons").replaceChildren(
      ...this.#reasons.map((reason) => {
        const button = make("button", "reason", reason);
        button.setAttribute("type", "button");
        button.addEventListener("click", () => void this.#tell(reason));
        return button;
      }),
    );
    byId("problems").dataset.told = "false";
    problems().showModal();
    this.#closeIn(CLOSE_MS);
  }

  async #tell(reason: string): Promise<void> {
    byId("problems").dataset.told = "true";
    const status = await this.#post("/problem", { reason });
    const key = status === 202 ? "problem.thanks" : status === 429 ? "problem.again" : "problem.failed";
    byId("told").textContent = this.#texts[key] ?? "";
    this.#closeIn(TOLD_MS);
  }

  #close(): void {
    clearTimeout(this.#closeTimer);
    problems().close();
  }

  #closeIn(ms: number): void {
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#close(), ms);
  }

  /** The status of the answer; 0 where none came. */
  async #post(path: string, body: object): Promise<number> {
    try {
      const { status } = await fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token: this.#token, ...body }),
      });
      return status;
    } catch (error) {
      // fetch tells of a connection that is gone by a TypeError.
      if (error instanceof TypeError) return 0;
      throw error;
    }
  }
}

function problems(): HTMLDialogElement {
  return byId("problems") as HTMLDialogElement;
}
