import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { type Api, createApi, transportTrusting } from "../api/index.js";
import { configPath, loadCliConfig } from "./config-file.js";
import { type CliIo, UsageError } from "./io.js";
import { type Output, createOutput } from "./output.js";

/** The options every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly config?: string;
}

/** What one run of a command works with. */
export interface CliSession {
  readonly io: CliIo;
  readonly out: Output;
  readonly options: GlobalOptions;
  /** The gateway, once a command needs it: an offline command asks for no token. */
  readonly api: () => Promise<Api>;
}

/** Where the gateway is and who we are, from options, environment and config, in this order. */
export interface GatewayAddress {
  readonly url: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

export const DEFAULT_URL = "http://127.0.0.1:8080";

export function sessionOf(io: CliIo, command: Command): CliSession {
  const options = command.optsWithGlobals<GlobalOptions>();
  const out = createOutput(io, options.json ?? false);
  let api: Promise<Api> | undefined;
  return { io, out, options, api: () => (api ??= openApi(io, options)) };
}

export async function addressOf(io: CliIo, options: GlobalOptions): Promise<GatewayAddress> {
  const path = configPath(io, options.config);
  const stored = await loadCliConfig(path);
  const tokenFile = options.tokenFile ?? io.env.BADGEKEY_TOKEN_FILE ?? stored?.tokenFile;
  const caFile = options.ca ?? io.env.BADGEKEY_CA_FILE ?? stored?.caFile;
  return {
    url: options.url ?? io.env.BADGEKEY_URL ?? stored?.url ?? DEFAULT_URL,
    ...(tokenFile !== undefined && { tokenFile: resolve(io.cwd, tokenFile) }),
    ...(caFile !== undefined && { caFile: resolve(io.cwd, caFile) }),
  };
}

async function openApi(io: CliIo, options: GlobalOptions): Promise<Api> {
  const address = await addressOf(io, options);
  if (address.tokenFile === undefined) {
    throw new UsageError(
      "no staff token: the gateway would not answer",
      "run badgekey init once, or give --token-file FILE (the gateway keeps it as admin-token in its data directory)",
    );
  }
  return apiAt(io, address, await readToken(address.tokenFile));
}

export async function apiAt(io: CliIo, address: GatewayAddress, token: string | undefined): Promise<Api> {
  if (!URL.canParse(address.url)) throw new UsageError(`${address.url} is no address`, "write it as http://host:port");
  const { protocol, hostname } = new URL(address.url);
  if (protocol === "http:" && !/^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname)) {
    throw new UsageError(
      `the token would travel readable to ${hostname}`,
      "use https:// for anything but this machine",
    );
  }
  const ca = address.caFile === undefined ? undefined : await readText(address.caFile, "the CA file");
  const transport = io.transport ?? (ca === undefined ? undefined : transportTrusting(ca));
  return createApi({ url: address.url, ...(token !== undefined && { token }), ...(transport && { transport }) });
}

export async function readToken(path: string): Promise<string> {
  const token = (await readText(path, "the token file")).trim();
  // Anything else in a header would be an error of the transport that names the token.
  if (!/^[\x21-\x7e]{8,512}$/.test(token))
    throw new UsageError(`${path} holds no token`, "give the gateway's admin-token");
  return token;
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new UsageError(`${what} ${path} cannot be read (${reason})`, "check the path and who may read it", { cause });
  }
}
