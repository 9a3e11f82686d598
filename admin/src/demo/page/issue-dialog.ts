/// <reference lib="dom" />
import type { DemoState } from "../demo-state.js";
import { announce, tryAct } from "./actions.js";
import { byId, make } from "./dom.js";

/** The form that issues a badge and writes it to the blank card; fills its choices from the first state. */
export function setUpIssueDialog(state: DemoState): void {
  const dialog = byId("issue-dialog", HTMLDialogElement);
  const form = byId("issue-form", HTMLFormElement);
  const error = byId("issue-error", HTMLElement);
  byId("issue-trainings", HTMLElement).replaceChildren(
    ...state.trainings.map(({ slug, name }) =>
      make("label", {}, make("input", { type: "checkbox", name: "training", value: slug }), name),
    ),
  );
  byId("issue-machine", HTMLSelectElement).replaceChildren(
    ...state.machines.map(({ id, name }) => make("option", { value: id }, `the reader of the ${name}`)),
  );
  byId("new-badge", HTMLElement).addEventListener("click", () => {
    error.textContent = "";
    form.reset();
    dialog.showModal();
  });
  byId("issue-cancel", HTMLElement).addEventListener("click", () => dialog.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(form, error, dialog);
  });
}

async function submit(form: HTMLFormElement, error: HTMLElement, dialog: HTMLDialogElement): Promise<void> {
  const data = new FormData(form);
  const text = (name: string) => {
    const value = data.get(name);
    return typeof value === "string" ? value : "";
  };
  const send = form.querySelector<HTMLButtonElement>("button[type=submit]");
  if (send) send.disabled = true;
  error.textContent = "";
  const request = { name: text("name"), trainings: data.getAll("training").map(String), machine: text("machine") };
  const refusal = await tryAct("issue", request);
  if (send) send.disabled = false;
  if (refusal !== undefined) {
    error.textContent = refusal;
    return;
  }
  dialog.close();
  announce(`The card of ${request.name} is written`);
}
