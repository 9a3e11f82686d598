import { decodeInvite, randomBytes, sameBytes } from "@badgekey/shared";
import { readConfig } from "../config.js";
import { enrol, fingerprintOf } from "../enrolment/enrol.js";
import { enrolmentFolder, readEnrolment, writeEnrolment } from "../enrolment/enrolment-file.js";
import { TEMPORARY, diskFolder } from "../site-state/durable-folder.js";
import { type CommandIo, readLine } from "./command-io.js";
import { RefusedError } from "./refused-error.js";

export interface EnrollOptions {
  readonly config: string;
  /** Takes the place of an enrolment that is there. */
  readonly replace: boolean;
}

const MOST_LINE_CHARS = 4_096;

/**
 * `badgekey-agent enroll`: one pasted line, and this computer is the machine's controller. Throws a RefusedError or
 * ConfigError.
 */
export async function runEnroll({ config: file, replace }: EnrollOptions, io: CommandIo): Promise<void> {
  const config = await readConfig(file);
  const earlier = replace ? undefined : await readEnrolment(config.dataDir);
  if (earlier) {
    throw new RefusedError(
      `agent ${earlier.agent} is enrolled already in ${enrolmentFolder(config.dataDir)}`,
      `to enrol anew: badgekey-agent enroll --config ${file} --replace`,
    );
  }
  // An invite can be used once: what would keep its fruit from being kept is found out before.
  await refuseUnwritable(config.dataDir);
  if (io.stdin.isTTY) {
    io.err(`Paste the line that the console or \`badgekey agent invite ${config.agent}\` shows, then press Enter:\n`);
  }
  const line = await readLine(io.stdin, MOST_LINE_CHARS);
  const decoded = decodeInvite(line ?? "");
  if (!decoded.ok) {
    throw new RefusedError(
      `${decoded.code}: ${decoded.detail ?? "not an invite"}`,
      `have a line made with \`badgekey agent invite ${config.agent}\` and paste all of it`,
    );
  }
  const invite = decoded.value;
  if (invite.agent !== config.agent) {
    throw new RefusedError(
      `the invite is for agent ${invite.agent}, and ${file} says agent: ${config.agent}`,
      `have the line made with \`badgekey agent invite ${config.agent}\`, or correct the file`,
    );
  }
  await refuseOtherSite(config.dataDir, invite.rootHash);
  const enrolment = await enrol(invite, { random: randomBytes });
  await writeEnrolment(config.dataDir, enrolment);
  io.err(`Enrolled as ${enrolment.agent} at ${enrolment.gateway}.\n`);
  io.err("Compare this fingerprint with the one that the console shows for this controller:\n\n");
  io.out(`${fingerprintOf(enrolment.agentKey)}\n`);
  io.err(`\nNext: badgekey-agent doctor --config ${file}\nthen: badgekey-agent run --config ${file}\n`);
}

async function refuseUnwritable(dataDir: string): Promise<void> {
  const disk = diskFolder(enrolmentFolder(dataDir));
  const name = `probe${TEMPORARY}`;
  try {
    await disk.list();
    await disk.writeSynced(name, new Uint8Array(1));
    await disk.remove(name);
  } catch (cause) {
    throw new RefusedError(
      `${dataDir} cannot be written: ${(cause as Error).message}`,
      "make the folder and give it to this user (sudo install -d -m 700 -o USER FOLDER), or name another as dataDir",
      { cause },
    );
  }
}

/** Journal and lists below dataDir belong to one site: those of another would be refused at every start. */
async function refuseOtherSite(dataDir: string, site: Uint8Array): Promise<void> {
  const earlier = await readEnrolment(dataDir).catch((error: unknown) => {
    // Unreadable: replacing it is what --replace is for.
    if (error instanceof RefusedError) return undefined;
    throw error;
  });
  if (!earlier || sameBytes(earlier.site, site)) return;
  throw new RefusedError(
    `${dataDir} holds the records of another site`,
    "name another folder as dataDir; delete the old one only when its records have arrived at its own gateway",
  );
}
