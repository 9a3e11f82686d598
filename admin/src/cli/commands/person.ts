import type { PersonView } from "@badgekey/shared";
import type { Column } from "../output.js";
import { type AddCommands, withSession } from "./command.js";

const columns: readonly Column<PersonView>[] = [
  { head: "person", cell: ({ name }) => name },
  { head: "id", cell: ({ id }) => id },
  { head: "e-mail", cell: ({ email }) => email },
  { head: "campus id", cell: ({ campusId }) => campusId },
];

export const addPersonCommands: AddCommands = (program, io) => {
  const person = program.command("person").description("who holds badges; names stay on the server");
  person
    .command("add")
    .description("add a person")
    .argument("<name>", "as people say it")
    .option("--email <address>")
    .option("--campus-id <id>")
    .action(
      withSession(io, async ({ api, out }, name: string, options: { email?: string; campusId?: string }) => {
        const added = await (await api()).addPerson({ name, ...options });
        out.facts(added, [
          ["person", added.name],
          ["id", added.id],
          ["e-mail", added.email],
          ["campus id", added.campusId],
        ]);
        out.next(`badgekey badge issue ${added.id} --grant <training>`);
      }),
    );
  person
    .command("list")
    .description("everybody, or who fits a search")
    .option("--search <text>", "part of a name, e-mail address or campus id")
    .action(
      withSession(io, async ({ api, out }, { search }: { search?: string }) => {
        out.rows(await (await api()).people(search), columns, "nobody found: badgekey person add “Ada Example”");
      }),
    );
};
