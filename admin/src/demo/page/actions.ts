/// <reference lib="dom" />
import { byId, make } from "./dom.js";

/** Asks the demo's server to do something; resolves with whether it did. What it refuses is shown as a notice. */
export async function act(action: string, body: Readonly<Record<string, unknown>>): Promise<boolean> {
  const refusal = await tryAct(action, body);
  if (refusal !== undefined) showNotice(refusal);
  return refusal === undefined;
}

/** As `act`, but the refusal is returned: for forms that show it beside their fields. */
export async function tryAct(action: string, body: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  try {
    const response = await fetch(`/api/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) return undefined;
    const { detail, hint } = (await response.json()) as { detail: string; hint?: string };
    return hint === undefined ? detail : `${detail}: ${hint}`;
  } catch {
    return "the demo does not answer: was it stopped?";
  }
}

const shown = new Map<string, HTMLElement>();

/** Shows a sentence until it is dismissed; the same one is not shown twice. */
export function showNotice(text: string): void {
  if (shown.has(text)) return;
  const close = make("button", { type: "button", "aria-label": "Dismiss" }, "×");
  const notice = make("div", { class: "notice" }, make("span", {}, text), close);
  close.addEventListener("click", () => {
    shown.delete(text);
    notice.remove();
  });
  shown.set(text, notice);
  byId("notices", HTMLElement).append(notice);
}

/** Says something to screen readers that others see anyway. */
export function announce(text: string): void {
  byId("announce", HTMLElement).textContent = text;
}
