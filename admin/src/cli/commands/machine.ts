import { type MachineView, type PolicySetting, type PresetName, policySettings, presets } from "@badgekey/shared";
import { Argument, InvalidArgumentError, Option } from "commander";
import { confirm } from "../confirm.js";
import { type GrantOption, collectGrant } from "../grant-option.js";
import { RefusedError } from "../io.js";
import type { Column, Output } from "../output.js";
import { levelWord, spanWord } from "../../words.js";
import { type AddCommands, withSession } from "./command.js";

interface AddOptions {
  readonly name: string;
  readonly preset?: PresetName;
  readonly agent?: string;
  readonly requires?: readonly GrantOption[];
  readonly set?: Readonly<Record<string, unknown>>;
}

const columns = (out: Output, trainings: ReadonlyMap<number, string>): readonly Column<MachineView>[] => [
  { head: "machine", cell: ({ id }) => id },
  { head: "name", cell: ({ policy }) => policy.name },
  { head: "controller", cell: ({ agent }) => agent },
  { head: "asks for", cell: (machine) => requiresWords(machine, trainings) },
  { head: "presence", cell: ({ policy }) => (policy.presence === "hold" ? "card stays in" : "tap") },
  { head: "longest use", cell: ({ policy }) => longest(policy.session.maxSeconds) },
  {
    head: "state",
    cell: ({ outOfService }) =>
      outOfService ? out.paint.yellow(`out of service: ${outOfService.reason}`) : "in service",
  },
];

const settingColumns: readonly Column<PolicySetting>[] = [
  { head: "setting", cell: ({ path }) => path },
  { head: "begins as", cell: (setting) => (setting.default === undefined ? "" : JSON.stringify(setting.default)) },
  { head: "can be", cell: ({ values }) => values },
  { head: "what it does", cell: ({ what }) => what },
];

export const addMachineCommands: AddCommands = (program, io) => {
  const machine = program.command("machine").description("machines and what each of them asks for");
  machine
    .command("add")
    .description("add a machine from a preset")
    .argument("<id>", "e.g. laser-1")
    .requiredOption("--name <name>", "what its screen shows, e.g. “Laser cutter”")
    .addOption(new Option("--preset <name>", "where it starts from").choices(Object.keys(presets)))
    .option("--agent <id>", "the machine controller beside it (default: the machine's own id)")
    .option("--requires <training[:level]>", "a training it asks for; repeat for several", collectGrant)
    .option(
      "--set <setting=value>",
      "one setting of its policy, e.g. session.maxSeconds=3600; repeatable",
      collectSetting,
    )
    .action(
      withSession(io, async ({ api, out }, id: string, options: AddOptions) => {
        const gateway = await api();
        const added = await gateway.addMachine({
          id,
          name: options.name,
          ...(options.preset && { preset: options.preset }),
          ...(options.agent && { agent: options.agent }),
          ...(options.requires && { requires: requirements(options.requires) }),
          ...(options.set && { policy: options.set }),
        });
        showMachine(out, added, await trainingNames(gateway));
        out.next(`badgekey agent invite ${added.agent}`);
      }),
    );
  machine
    .command("list")
    .description("all machines")
    .action(
      withSession(io, async ({ api, out }) => {
        const gateway = await api();
        const names = out.json ? new Map<number, string>() : await trainingNames(gateway);
        out.rows(
          await gateway.machines(),
          columns(out, names),
          "no machines yet: badgekey machine add laser-1 --name …",
        );
      }),
    );
  machine
    .command("set")
    .description("change settings of a machine's policy")
    .argument("<id>")
    .addHelpText("after", "\nAll settings: badgekey machine settings")
    .addArgument(
      new Argument("<setting=value...>", "e.g. session.maxSeconds=3600 presence=hold").argParser(collectSetting),
    )
    .action(
      withSession(io, async ({ api, out }, id: string, settings: Readonly<Record<string, unknown>>) => {
        const gateway = await api();
        showMachine(out, await gateway.changeMachine(id, settings), await trainingNames(gateway));
      }),
    );
  machine
    .command("settings")
    .description("every setting of a machine's policy: where it begins, what it can be, what it does")
    .addOption(new Option("--preset <name>", "as a machine of this preset begins").choices(Object.keys(presets)))
    .action(
      withSession(io, ({ out }, { preset }: { preset?: PresetName }) => {
        out.rows(policySettings(preset), settingColumns, "");
        out.next("badgekey machine set <id> <setting=value...>");
        return Promise.resolve();
      }),
    );
  machine
    .command("out-of-service")
    .description("take a machine out of service until it is released")
    .argument("<id>")
    .requiredOption("--reason <text>", "shown on its screen")
    .option("--now", "end a running use too; this is no emergency stop: in danger use the red button")
    .option("--yes", "with --now: do not ask")
    .action(
      withSession(io, async ({ api, out }, id: string, options: { reason: string; now?: boolean; yes?: boolean }) => {
        const gateway = await api();
        const question = `End a running use at ${id} at once? This is no emergency stop: in danger use the red button.`;
        if (options.now && !(await confirm(io, question, options.yes))) throw new RefusedError("nothing was changed");
        const when = options.now ? "now" : "whenFree";
        const changed = await gateway.takeOutOfService(id, { reason: options.reason, when });
        showMachine(out, changed, await trainingNames(gateway));
        out.next(`badgekey machine release ${id} --reason <what was done>`);
      }),
    );
  machine
    .command("release")
    .description("put a machine back into service")
    .argument("<id>")
    .requiredOption("--reason <text>", "what was done; kept in the usage log")
    .action(
      withSession(io, async ({ api, out }, id: string, { reason }: { reason: string }) => {
        const gateway = await api();
        showMachine(out, await gateway.release(id, reason), await trainingNames(gateway));
      }),
    );
};

async function trainingNames(gateway: { trainings(): Promise<readonly { number: number; slug: string }[]> }) {
  return new Map((await gateway.trainings()).map(({ number, slug }) => [number, slug]));
}

function requirements(grants: readonly GrantOption[]) {
  return grants.map(({ training, level }) => ({ training, level }));
}

function showMachine(out: Output, machine: MachineView, trainings: ReadonlyMap<number, string>): void {
  const { policy, outOfService } = machine;
  out.facts(machine, [
    ["machine", machine.id],
    ["name", policy.name],
    ["controller", machine.agent],
    ["preset", policy.preset],
    ["asks for", requiresWords(machine, trainings)],
    ["presence", policy.presence === "hold" ? "card stays in" : "tap"],
    ["longest use", longest(policy.session.maxSeconds)],
    ["works without contact", `for ${spanWord(policy.staleness.refuseAfterSeconds * 1000)}`],
    ["state", outOfService ? `out of service: ${outOfService.reason}` : "in service"],
  ]);
  if (out.json) return;
  for (const { path, message } of machine.problems) out.say(`${out.paint.yellow("mind:")} ${path}: ${message}`);
}

function requiresWords({ policy }: MachineView, trainings: ReadonlyMap<number, string>): string {
  const ways = policy.requires.map((all) =>
    all.map(({ training, level }) => `${trainings.get(training) ?? training} ${levelWord(level)}`).join(" and "),
  );
  return ways.length === 0 ? "nothing" : ways.join(", or ");
}

function longest(seconds: number): string {
  return seconds === 0 ? "no limit" : spanWord(seconds * 1000);
}

type Settings = Record<string, unknown>;

/** "session.maxSeconds=3600" into {session: {maxSeconds: 3600}}; values are JSON, or texts where they are none. */
export function collectSetting(text: string, before: Readonly<Settings> = {}): Settings {
  const equals = text.indexOf("=");
  const path = text.slice(0, equals).split(".");
  if (equals < 1 || path.some((name) => !/^[a-zA-Z][a-zA-Z0-9]*$/.test(name) || name === "constructor")) {
    throw new InvalidArgumentError("write setting=value, e.g. session.maxSeconds=3600");
  }
  const settings: Settings = structuredClone(before);
  let at = settings;
  for (const name of path.slice(0, -1)) {
    const inner = isSettings(at[name]) ? at[name] : {};
    at[name] = inner;
    at = inner;
  }
  at[path.at(-1) as string] = readValue(text.slice(equals + 1));
  return settings;
}

function isSettings(value: unknown): value is Settings {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
