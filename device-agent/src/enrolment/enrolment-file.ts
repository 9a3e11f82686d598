import { AGENT_ID, fromHex, toHex } from "@badgekey/shared";
import { z } from "zod";
import { RefusedError } from "../commands/refused-error.js";
import { type Disk, diskFolder, replaceFile } from "../site-state/durable-folder.js";

/** What an agent is given once: its identity, its keys, and whom it trusts. */
export interface Enrolment {
  readonly agent: string;
  /** SHA-256 of root version 1: 32 bytes. */
  readonly site: Uint8Array;
  /** Every root from version 1 on. */
  readonly roots: readonly [Uint8Array, ...Uint8Array[]];
  /** Secret key of the agent's Ed25519 key, 32 bytes: signs reports. */
  readonly agentKey: Uint8Array;
  /** Client certificate, its key and the site CA: PEM. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly broker: { readonly host: string; readonly port: number };
  /** The machines that the policy gave this agent when it was enrolled. */
  readonly machines: readonly string[];
  /** Address under which it was enrolled. */
  readonly gateway: string;
}

const FILE = "enrolment.json";
const MOST_BYTES = 1_048_576;

const hexBytes = (length?: number) =>
  z
    .string()
    .regex(/^(?:[0-9a-f]{2})+$/)
    .refine((text) => length === undefined || text.length === 2 * length)
    .transform(fromHex);

const schema = z.object({
  version: z.literal(1),
  agent: z.string().regex(AGENT_ID),
  site: hexBytes(32),
  roots: z.tuple([hexBytes()], hexBytes()),
  agentKey: hexBytes(32),
  tls: z.object({ cert: z.string(), key: z.string(), ca: z.string() }),
  broker: z.object({ host: z.string(), port: z.int() }),
  machines: z.array(z.string()),
  gateway: z.string(),
});

/** The folder of the enrolment below the agent's data. */
export function enrolmentFolder(dataDir: string): string {
  return `${dataDir}/enrolment`;
}

/** Undefined where the agent has not been enrolled. Throws a RefusedError where the file cannot be used. */
export async function readEnrolment(dataDir: string, disk?: Disk): Promise<Enrolment | undefined> {
  const folder = enrolmentFolder(dataDir);
  const refuse = (cause: unknown) =>
    new RefusedError(
      `the enrolment in ${folder} cannot be used`,
      "give this user the right to read it, or enrol again with --replace",
      { cause },
    );
  try {
    const bytes = await (disk ?? diskFolder(folder)).read(FILE, MOST_BYTES);
    if (!bytes) return undefined;
    return schema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (cause) {
    throw refuse(cause);
  }
}

/** Replaces the enrolment whole, mode 0600: a power cut leaves the old one or the new one. */
export async function writeEnrolment(dataDir: string, enrolment: Enrolment, disk?: Disk): Promise<void> {
  const { site, roots, agentKey, ...rest } = enrolment;
  const stored: z.input<typeof schema> = {
    version: 1,
    ...rest,
    machines: [...rest.machines],
    site: toHex(site),
    roots: [toHex(roots[0]), ...roots.slice(1).map(toHex)],
    agentKey: toHex(agentKey),
  };
  const folder = disk ?? diskFolder(enrolmentFolder(dataDir));
  await folder.list();
  await replaceFile(folder, FILE, Buffer.from(`${JSON.stringify(stored, null, 2)}\n`));
}
