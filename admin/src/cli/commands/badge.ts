import { badgeStates } from "@badgekey/shared";
import { Option } from "commander";
import { findPerson } from "../find.js";
import { type GrantOption, collectGrant, readEnd, readNumber } from "../grant-option.js";
import { UsageError } from "../io.js";
import { badgeColumns, showBadge } from "./badge-view.js";
import { changeBadge } from "./badge-change.js";
import { verifyCommand } from "./badge-verify.js";
import { writeBadge } from "./badge-write.js";
import { type AddCommands, withSession } from "./command.js";

interface IssueOptions {
  readonly grant?: readonly GrantOption[];
  readonly expires?: string;
  readonly cardUid?: string;
  readonly unbound?: boolean;
  readonly writeOn?: string;
}

export const addBadgeCommands: AddCommands = (program, io) => {
  const badge = program.command("badge").description("issue, write, withdraw and check badges");
  badge
    .command("issue")
    .description("issue a badge to a person, from the trainings held or those given")
    .argument("<person>", "id, name, e-mail address or campus id")
    .option("--grant <training[:level][@end]>", "e.g. laser, laser:trainer, laser@2027-01-31; repeatable", collectGrant)
    .option("--expires <when>", "latest end of the badge", readEnd)
    .option("--card-uid <hex>", "bind it to this card and sign at once")
    .option("--unbound", "sign at once, bound to no card: it can be copied")
    .option("--write-on <controller>", "write it to the next card on this controller's reader")
    .action(
      withSession(io, async (session, who: string, options: IssueOptions) => {
        if (options.unbound && options.cardUid)
          throw new UsageError("a badge is bound to a card or to none: give one of --card-uid and --unbound");
        const api = await session.api();
        const person = await findPerson(api, who);
        const issued = await api.issueBadge({
          person: person.id,
          ...(options.grant && { grants: [...options.grant] }),
          ...(options.expires && { expiresAt: options.expires }),
          ...(options.cardUid && { cardUid: options.cardUid.toLowerCase() }),
          ...(options.unbound && { unbound: true }),
        });
        if (options.writeOn !== undefined) {
          session.out.say(`badge ${issued.id} for ${issued.personName}`);
          await writeBadge(session, issued.id, { on: options.writeOn });
          return;
        }
        showBadge(session.out, issued);
        if (issued.state === "awaitingCard") session.out.next(`badgekey badge write ${issued.id} --on <controller>`);
      }),
    );
  badge
    .command("write")
    .description("write a badge to the next card on a machine controller's reader")
    .argument("<badge>", "its id")
    .requiredOption("--on <controller>", "the machine controller whose reader is used")
    .option("--seconds <n>", "how long to wait for a card (default: 60)", readNumber)
    .option("--card-uid <hex>", "write to this card only")
    .action(withSession(io, writeBadge));
  badge
    .command("list")
    .description("all badges, or some")
    .option("--person <who>", "id, name, e-mail address or campus id")
    .addOption(new Option("--state <state>").choices(badgeStates))
    .action(
      withSession(io, async ({ api, out }, options: { person?: string; state?: string }) => {
        const gateway = await api();
        const person = options.person === undefined ? undefined : await findPerson(gateway, options.person);
        const found = await gateway.badges({
          ...(person && { person: person.id }),
          ...(options.state !== undefined && { state: options.state }),
        });
        out.rows(found, badgeColumns(out), "no badges");
      }),
    );
  badge
    .command("show")
    .description("one badge")
    .argument("<badge>", "its id")
    .action(withSession(io, async ({ api, out }, id: string) => showBadge(out, await (await api()).badge(id))));
  for (const [change, description] of [
    ["suspend", "put a badge on hold; it can be reinstated"],
    ["reinstate", "lift a hold"],
    ["revoke", "withdraw a badge for good: asks first"],
  ] as const) {
    const command = badge
      .command(change)
      .description(description)
      .argument("<badge>", "its id")
      .requiredOption("--reason <text>", "kept with the badge")
      .option("--no-wait", "do not wait until the machines know")
      .option("--wait <seconds>", "wait at most this long", readNumber);
    if (change === "revoke") command.option("--yes", "do not ask");
    command.action(
      withSession(io, (session, id: string, options: Parameters<typeof changeBadge>[3]) =>
        changeBadge(session, change, id, options),
      ),
    );
  }
  verifyCommand(badge, io);
};
