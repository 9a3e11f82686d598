import { spanWord } from "../../words.js";
import { agentColumns } from "./agent.js";
import { type AddCommands, withSession } from "./command.js";

export const addStatusCommand: AddCommands = (program, io) => {
  program
    .command("status")
    .description("the site at a glance: contact, what needs a person, alarms")
    .action(
      withSession(io, async ({ api, out }) => {
        const status = await (await api()).status();
        if (out.json) {
          out.facts(status, []);
          return;
        }
        const { counts } = status;
        const connected = status.agents.filter((agent) => agent.connected).length;
        out.facts(status, [
          ["site", `${status.siteName} (${status.site.slice(0, 16)})`],
          ["server", `version ${status.version}, lists of ${out.when(status.heartbeatAt)}`],
          ["people", counts.people],
          ["badges", counts.badges],
          ["machines", counts.machines],
          ["controllers", `${connected} of ${counts.agents} connected`],
          ["log entries", counts.records],
        ]);
        if (status.agents.length > 0) {
          io.write("\n");
          out.rows(status.agents, agentColumns(out), "");
        }
        const soon = status.deadlines.filter(({ at }) => Date.parse(at) - io.now() < 180 * 86_400_000);
        if (soon.length > 0) {
          io.write("\n");
          out.rows(
            soon,
            [
              { head: "needs a person", cell: ({ what }) => what },
              { head: "by", cell: ({ at }) => out.day(at) },
              { head: "in", cell: ({ at }) => spanWord(Math.max(0, Date.parse(at) - io.now())) },
            ],
            "",
          );
        }
        if (status.alarms.length > 0) {
          io.write("\n");
          out.rows(
            status.alarms,
            [
              { head: "alarm", cell: ({ code }) => out.paint.red(code) },
              { head: "at", cell: ({ at }) => out.when(at) },
              { head: "controller", cell: ({ agent }) => agent },
              { head: "detail", cell: ({ detail }) => detail },
            ],
            "",
          );
        }
      }),
    );
};
