import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { spanWord } from "../../words.js";
import { agentColumns } from "./agent.js";
import { type AddCommands, withSession } from "./command.js";

export const addStatusCommand: AddCommands = (program, io) => {
  program
    .command("status")
    .description("the site at a glance: contact, what needs a person, alarms")
    .option("--site-state <file>", "also write the signed lists to a file, for badge verify --state")
    .action(
      withSession(io, async ({ api, out }, { siteState }: { siteState?: string }) => {
        const gateway = await api();
        const status = await gateway.status();
        if (siteState !== undefined) {
          const path = resolve(io.cwd, siteState);
          await writeFile(path, `${JSON.stringify(await gateway.siteState(), null, 2)}\n`);
          out.say(`signed lists written to ${path}`);
        }
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
