import { access, constants } from "node:fs/promises";
import { resolve } from "node:path";
import type { StatusView } from "@badgekey/shared";
import { configPath, saveCliConfig } from "../config-file.js";
import { type CliIo, UsageError } from "../io.js";
import { addressOf, apiAt, readToken } from "../session.js";
import { type AddCommands, withSession } from "./command.js";

/** Where a gateway keeps its token when nobody said otherwise: the demo site's, then that of the README's example. */
const usualTokenFiles = ["data/gateway/admin-token", "/var/lib/badgekey-gateway/admin-token"];

export const addInitCommand: AddCommands = (program, io) => {
  program
    .command("init")
    .description("find the gateway, check the token and remember both")
    .action(
      withSession(io, async ({ out, options }) => {
        const address = await addressOf(io, options);
        // The gateway first: a wrong address is the more common mistake, and needs no token to be found out.
        const health = await (await apiAt(io, address, undefined)).health();
        const tokenFile = address.tokenFile ?? (await findTokenFile(io));
        const api = await apiAt(io, address, await readToken(tokenFile));
        const status = await api.status();
        const path = configPath(io, options.config);
        const config = { url: api.url, tokenFile, ...(address.caFile !== undefined && { caFile: address.caFile }) };
        await saveCliConfig(path, config);
        out.facts({ config: path, ...config, siteName: status.siteName, site: status.site, version: health.version }, [
          ["gateway", api.url],
          ["site", `${status.siteName} (${status.site.slice(0, 16)})`],
          ["version", health.version],
          ["token", tokenFile],
          ["remembered in", path],
        ]);
        out.next(nextStep(status));
      }),
    );
};

async function findTokenFile(io: CliIo): Promise<string> {
  for (const candidate of usualTokenFiles) {
    const path = resolve(io.cwd, candidate);
    if (
      await access(path, constants.R_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new UsageError(
    "where is the staff token?",
    "give --token-file FILE: the gateway keeps it as admin-token in its data directory",
  );
}

/** What a site lacks first. */
function nextStep({ counts }: StatusView): string {
  if (counts.machines === 0)
    return "badgekey training add laser --name “Laser cutter”, then badgekey machine add laser-1 …";
  if (counts.agents === 0) return "badgekey agent invite <controller>";
  if (counts.people === 0) return "badgekey person add “Ada Example”";
  if (counts.badges === 0) return "badgekey badge issue <person> --grant laser";
  return "badgekey status";
}
