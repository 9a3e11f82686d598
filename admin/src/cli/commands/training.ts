import type { TrainingView } from "@badgekey/shared";
import { readNumber } from "../grant-option.js";
import type { Column } from "../output.js";
import { type AddCommands, withSession } from "./command.js";

interface AddOptions {
  readonly name: string;
  readonly number?: number;
  readonly url?: string;
  readonly validDays?: number;
}

const columns: readonly Column<TrainingView>[] = [
  { head: "training", cell: ({ slug }) => slug },
  { head: "name", cell: ({ name }) => name },
  { head: "number", cell: ({ number }) => number, align: "right" },
  { head: "valid", cell: ({ validDays }) => `${validDays} days` },
  { head: "learn more", cell: ({ url }) => url },
];

export const addTrainingCommands: AddCommands = (program, io) => {
  const training = program.command("training").description("courses that machines ask for");
  training
    .command("add")
    .description("add a training")
    .argument("<slug>", "its short name, e.g. laser")
    .requiredOption("--name <name>", "what people read, e.g. “Laser cutter”")
    .option("--number <n>", "the site's number; below 24 keeps badges small (default: the next free one)", readNumber)
    .option("--url <url>", "where to learn about it or book it: shown to people who lack it")
    .option("--valid-days <n>", "how long it holds (default: 365)", readNumber)
    .action(
      withSession(io, async ({ api, out }, slug: string, options: AddOptions) => {
        const added = await (await api()).addTraining({ slug, ...options });
        out.facts(added, [
          ["training", added.slug],
          ["name", added.name],
          ["number", added.number],
          ["valid", `${added.validDays} days`],
          ["learn more", added.url],
        ]);
        out.next(`badgekey machine add <id> --name <name> --preset laser --requires ${added.slug}`);
      }),
    );
  training
    .command("list")
    .description("all trainings")
    .action(
      withSession(io, async ({ api, out }) => {
        out.rows(
          await (await api()).trainings(),
          columns,
          "no trainings yet: badgekey training add laser --name “Laser”",
        );
      }),
    );
};
