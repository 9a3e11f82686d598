import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  BADGE_MAX_BYTES,
  type BadgeClaims,
  type BadgeCode,
  DecodeError,
  type SiteState,
  type TapCode,
  badgeCodes,
  decodeSign1,
  fromHex,
  readClaims,
  sameBytes,
  tapCodes,
  toHex,
  verifyBadge,
} from "@badgekey/shared";
import type { Command } from "commander";
import { readStart } from "../grant-option.js";
import { type CliIo, RefusedError, UsageError } from "../io.js";
import type { Output } from "../output.js";
import type { CliSession } from "../session.js";
import { objectsOf, openSiteState, readSiteStateFiles } from "../site-state-files.js";
import { levelWord } from "../../words.js";
import { withSession } from "./command.js";

interface VerifyOptions {
  readonly at?: string;
  readonly state?: string;
  readonly uid?: string;
}

/** What `badge verify --json` prints. */
export interface VerifyReport {
  readonly verdict: "accepted" | BadgeCode | TapCode;
  readonly meaning: string;
  readonly at: string;
  readonly site: string;
  /** false: the signature did not hold or was not checked; the claims are only what the bytes say. */
  readonly proven: boolean;
  readonly claims: ClaimsView | null;
  /** Under the site's own training numbers; empty unless proven. */
  readonly grants: readonly { training: number; slug: string | null; level: number; endsAt: string; ended: boolean }[];
  readonly issuer: { readonly keyId: string; readonly name: string } | null;
  readonly hash: string | null;
}

interface ClaimsView {
  readonly holder: string | null;
  readonly issuedAt: string | null;
  readonly expiresAt: string;
  readonly statusIndex: number;
  readonly grants: readonly { training: number; level: number; daysBefore: number }[];
  readonly cardUid: string | null;
  readonly holderKey: string | null;
  readonly succeeds: string | null;
}

export function verifyCommand(badge: Command, io: CliIo): void {
  badge
    .command("verify")
    .description("judge a badge as a machine would, with the same code; offline with --state")
    .argument("<badge>", "hex digits, a file that holds the badge or its hex digits, or - for standard input")
    .option("--at <time>", "judge as of this time, e.g. 2027-01-31T12:00:00Z (default: now)", readStart)
    .option("--state <path>", "an agent's site-state directory or a site-state file (default: ask the gateway)")
    .option("--uid <hex>", "the UID of the card it was read from")
    .action(withSession(io, verify));
}

async function verify(session: CliSession, given: string, options: VerifyOptions): Promise<void> {
  const { io, out } = session;
  const bytes = await readBadge(io, given);
  const uid = options.uid === undefined ? undefined : readUid(options.uid);
  const objects =
    options.state === undefined
      ? objectsOf(await (await session.api()).siteState())
      : await readSiteStateFiles(resolve(io.cwd, options.state));
  const report = judgeBadge(
    bytes,
    openSiteState(objects),
    options.at === undefined ? io.now() : Date.parse(options.at),
    uid,
  );
  show(out, report);
  if (report.verdict !== "accepted") {
    throw new RefusedError(`${report.verdict}: ${report.meaning}`, { code: report.verdict, printed: true });
  }
}

/** The verdict of SPEC 3.5 on `bytes`, then the card's UID where one is given; `now` in ms. */
export function judgeBadge(bytes: Uint8Array, site: SiteState, now: number, uid?: Uint8Array): VerifyReport {
  const verdict = verifyBadge(bytes, site, now);
  const { badge } = verdict;
  const claims = badge?.claims ?? unprovenClaims(bytes);
  const copied = badge?.claims.cardUid && uid && !sameBytes(badge.claims.cardUid, uid);
  const code = !verdict.ok ? verdict.code : copied ? "CARD_MISMATCH" : "accepted";
  return {
    verdict: code,
    meaning: code === "accepted" ? "a machine would accept it" : meaningOf(code),
    at: new Date(now).toISOString(),
    site: toHex(site.site),
    proven: badge !== undefined,
    claims: claims ? claimsView(claims) : null,
    grants: (badge?.grants ?? []).map(({ training, level, endsAt }) => ({
      training,
      slug: site.policy?.trainings.get(training)?.slug ?? null,
      level,
      endsAt: new Date(endsAt).toISOString(),
      ended: now >= endsAt,
    })),
    issuer: badge ? { keyId: toHex(badge.issuer.keyId), name: badge.issuer.name } : null,
    hash: badge ? toHex(badge.hash) : null,
  };
}

function meaningOf(code: BadgeCode | TapCode): string {
  return { ...badgeCodes, ...tapCodes }[code];
}

/** What the bytes say where no signature vouches for it: shown as such, never judged by. */
function unprovenClaims(bytes: Uint8Array): BadgeClaims | undefined {
  try {
    const { payload } = decodeSign1(bytes);
    return payload ? readClaims(payload) : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function claimsView(claims: BadgeClaims): ClaimsView {
  return {
    holder: claims.holder ?? null,
    issuedAt: claims.issuedAt === undefined ? null : new Date(claims.issuedAt).toISOString(),
    expiresAt: new Date(claims.expiresAt).toISOString(),
    statusIndex: claims.statusIndex,
    grants: claims.grants,
    cardUid: claims.cardUid ? toHex(claims.cardUid) : null,
    holderKey: claims.holderKey ? `${claims.holderKey.curve} ${toHex(claims.holderKey.bytes)}` : null,
    succeeds: claims.succeeds ? toHex(claims.succeeds) : null,
  };
}

function show(out: Output, report: VerifyReport): void {
  const { claims, grants, issuer } = report;
  const trainings = grants.map(
    ({ training, slug, level, endsAt, ended }) =>
      `${slug ?? training}: ${levelWord(level as 1 | 2 | 3 | 4)} ${ended ? "ended" : "until"} ${out.day(endsAt)}`,
  );
  const accepted = report.verdict === "accepted";
  out.facts(report, [
    ["verdict", accepted ? out.paint.green("accepted") : out.paint.red(`refused: ${report.verdict}`)],
    ["means", report.meaning],
    ["judged as of", out.when(report.at)],
    ["site", report.site.slice(0, 16)],
    ["issuer", issuer && `${issuer.name} (key ${issuer.keyId})`],
    [
      "claims",
      claims
        ? report.proven
          ? "signed by the issuer"
          : "not proven: the signature does not hold"
        : "none can be read",
    ],
    ["holder", claims?.holder],
    ["issued", out.when(claims?.issuedAt)],
    ["ends", out.when(claims?.expiresAt)],
    ["status index", claims?.statusIndex],
    ["trainings", report.proven ? trainings.join("\n") || "none that count at this site" : undefined],
    ["card", claims?.cardUid],
    ["holder's key", claims?.holderKey],
    ["succeeds", claims?.succeeds],
    ["hash", report.hash],
  ]);
}

async function readBadge(io: CliIo, given: string): Promise<Uint8Array> {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(given)) return fromHex(given);
  if (given === "-") return fromFile(await io.readStdin());
  const path = resolve(io.cwd, given);
  try {
    // A badge is far smaller; a wrong path must not be read whole into memory.
    if ((await stat(path)).size > 64 * 1024) throw new UsageError(`${given} is too large to be a badge`);
    return fromFile(await readFile(path));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${given} is neither hex digits nor a file that can be read`, undefined, { cause });
  }
}

/** A file holds the badge itself or its hex digits with white space around. */
function fromFile(content: Uint8Array): Uint8Array {
  if (content.length <= 4 * BADGE_MAX_BYTES) {
    const text = new TextDecoder("latin1").decode(content).replace(/\s+/g, "");
    if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return fromHex(text);
  }
  return content;
}

function readUid(text: string): Uint8Array {
  const digits = text.replace(/[:\s-]/g, "");
  if (!/^(?:[0-9a-fA-F]{2}){4,10}$/.test(digits))
    throw new UsageError(`${text} is no card UID`, "write 4 to 10 bytes in hex");
  return fromHex(digits);
}
