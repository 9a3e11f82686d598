import { writeFile } from "node:fs/promises";
import type { MachinePolicy } from "@badgekey/shared";
import { guardedMachine } from "../agent-machine.js";
import { type AgentConfig, readConfig } from "../config.js";
import { readEnrolment } from "../enrolment/enrolment-file.js";
import { labelSvg } from "../screen/label-svg.js";
import { english, german } from "../screen/messages/messages.js";
import { diskFolder } from "../site-state/durable-folder.js";
import { restoreSiteState } from "../site-state/restore-site-state.js";
import { siteStateStore } from "../site-state/site-state-store.js";
import type { CommandIo } from "./command-io.js";
import { siteStateFolder } from "./data-folder.js";
import { RefusedError } from "./refused-error.js";

export interface LabelOptions {
  readonly config: string;
  /** Where the SVG goes; standard output where absent. */
  readonly out?: string | undefined;
  /** In place of the machine's name. */
  readonly name?: string | undefined;
}

/**
 * `badgekey-agent label`: a printable label for a machine without a screen, from the rules that this controller holds.
 * The agent may be running. Throws a RefusedError where no rules have arrived and no name is given.
 */
export async function runLabel({ config: file, out, name }: LabelOptions, io: CommandIo): Promise<void> {
  const config = await readConfig(file);
  const policy = await knownPolicy(config, io);
  const title = name ?? policy?.name;
  if (title === undefined) {
    throw new RefusedError(
      `agent ${config.agent} knows no rules of its machine yet`,
      "name the machine yourself (--name), or run the agent until it has had contact once",
    );
  }
  const svg = labelSvg({
    name: title,
    url: policy?.url ?? "",
    presence: policy?.presence ?? "tap",
    languages:
      config.screen?.driver === "page" && config.screen.language === "de" ? [german, english] : [english, german],
  });
  if (out === undefined) {
    io.out(svg);
    return;
  }
  await writeFile(out, svg).catch((cause: unknown) => {
    throw new RefusedError(`the label cannot be written to ${out}`, "name another file with --out", { cause });
  });
  io.err(`badgekey-agent: label of ${title} written to ${out}: print it at 100 %\n`);
}

/** The machine's rules from the cache, verified as at every start. */
async function knownPolicy({ agent, dataDir }: AgentConfig, io: CommandIo): Promise<MachinePolicy | undefined> {
  const enrolment = await readEnrolment(dataDir);
  if (!enrolment) return undefined;
  const warn = (facts: unknown, text?: string): void => io.err(`badgekey-agent: ${text ?? String(facts)}\n`);
  const log = { info: () => undefined, warn, error: warn };
  const store = siteStateStore({ disk: diskFolder(siteStateFolder(dataDir)), roots: enrolment.roots, log });
  const restored = restoreSiteState(await store.load(), {
    site: enrolment.site,
    agent: enrolment.agent,
    monotonicMs: io.monotonic(),
  });
  return restored.ok ? guardedMachine(restored.value.trust.state, agent).policy : undefined;
}
