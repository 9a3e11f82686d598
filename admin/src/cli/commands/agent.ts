import type { AgentView } from "@badgekey/shared";
import { readNumber } from "../grant-option.js";
import type { Column, Output } from "../output.js";
import { clockWord, connectionWord } from "../../words.js";
import { type AddCommands, withSession } from "./command.js";

export function agentColumns(out: Output): readonly Column<AgentView>[] {
  return [
    { head: "controller", cell: ({ id }) => id },
    { head: "machines", cell: ({ machines }) => machines.join(", ") },
    {
      head: "contact",
      cell: (agent) =>
        agent.connected ? out.paint.green(connectionWord(agent)) : out.paint.yellow(connectionWord(agent)),
    },
    { head: "last seen", cell: ({ lastSeenAt }) => out.when(lastSeenAt) },
    { head: "clock", cell: ({ report }) => clockWord(report?.clock) },
    { head: "not delivered", cell: ({ report }) => report?.pendingRecords, align: "right" },
    {
      head: "needs attention",
      cell: ({ report, quarantined }) =>
        [...(report?.faults ?? []), ...(quarantined > 0 ? [`${quarantined} messages refused`] : [])].join(", "),
    },
    { head: "key", cell: ({ fingerprint }) => fingerprint },
  ];
}

export const addAgentCommands: AddCommands = (program, io) => {
  const agent = program.command("agent").description("machine controllers: the small computers beside machines");
  agent
    .command("invite")
    .description("print the one line that enrols a machine controller; works once")
    .argument("<id>", "the controller's id, e.g. laser-1")
    .option("--minutes <n>", "how long it works (default: 15)", readNumber)
    .action(
      withSession(io, async ({ api, out }, id: string, { minutes }: { minutes?: number }) => {
        const invite = await (await api()).invite(id, minutes);
        if (out.json) {
          out.facts(invite, []);
          return;
        }
        out.say(`paste this line on the machine controller, into: badgekey-agent enroll --config agent.yaml`);
        // Only the line itself on standard output: it can be piped.
        io.write(`${invite.line}\n`);
        out.say(`works once, until ${out.when(invite.expiresAt)}; whoever has it can enrol as ${invite.agent}`);
      }),
    );
  agent
    .command("list")
    .description("all machine controllers, their contact and what they have not delivered yet")
    .action(
      withSession(io, async ({ api, out }) => {
        out.rows(
          await (await api()).agents(),
          agentColumns(out),
          "no machine controllers yet: badgekey agent invite laser-1",
        );
      }),
    );
};
