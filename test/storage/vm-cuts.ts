import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotBootedError, bootGuest, untilBooted } from "../gpio/vm/boot-guest.js";
import { type GuestKernel, cacheFolder, guestKernel } from "../gpio/vm/guest-kernel.js";
import { seeded } from "./seeded.js";
import { VolatileDisk } from "./volatile-disk.js";

const DISK_BYTES = 48 * 1024 * 1024;
const BOOT_MS = 600_000;

export interface VmCutCounts {
  cuts: number;
  acknowledged: number;
  acknowledgedLost: number;
  wrongRows: number;
  /** Writes that had left the guest, and were not flushed, when the power went. */
  unflushed: { lost: number; kept: number; torn: number };
  reported: number;
  readonly problems: string[];
  readonly seconds: number[];
}

interface Found {
  readonly lost: number;
  readonly wrong: number;
  readonly isSalvaged: boolean;
  readonly acknowledged: number;
  readonly problems: readonly string[];
}

/** Cuts the power of a guest that writes, again and again; what each cut left is looked at when the next run begins. */
export async function cutVirtualMachine(cuts: number, seed: number, log: (line: string) => void): Promise<VmCutCounts> {
  const kernel = await guestKernel(cacheFolder(process.env), log);
  const folder = mkdtempSync(join(tmpdir(), "badgekey-vm-cuts-"));
  const image = join(folder, "image");
  writeFileSync(image, "");
  truncateSync(image, DISK_BYTES);
  execFileSync("mkfs.ext4", ["-q", "-F", image], {
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
  });
  const socket = join(folder, "disk.sock");
  const disk = new VolatileDisk(readFileSync(image), socket);
  const counts: VmCutCounts = {
    cuts: 0,
    acknowledged: 0,
    acknowledgedLost: 0,
    wrongRows: 0,
    unflushed: { lost: 0, kept: 0, torn: 0 },
    reported: 0,
    problems: [],
    seconds: [],
  };
  try {
    for (let round = 0; round <= cuts; round++) {
      const began = process.hrtime.bigint();
      const random = seeded(seed + round);
      const task = round < cuts ? "write" : "check";
      const boot = { kernel, socket, notes: join(folder, "notes"), task, writeMs: 400 + 2_000 * random() } as const;
      const found = await untilBooted(() => bootOnce(boot), log);
      if (round > 0) take(counts, found, `seed ${String(seed)} cut ${String(round)}`);
      else if (found.problems.length > 0) counts.problems.push(...found.problems);
      if (task === "write") {
        const fate = disk.cutPower(random, [0, 0.5, 0.8, 1][round % 4] as number);
        counts.cuts += 1;
        for (const what of ["lost", "kept", "torn"] as const) counts.unflushed[what] += fate[what];
      }
      const seconds = Number(process.hrtime.bigint() - began) / 1e9;
      counts.seconds.push(Math.round(seconds * 10) / 10);
      log(`run ${String(round)}: ${JSON.stringify(found)} ${seconds.toFixed(1)} s`);
    }
  } finally {
    await disk.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return counts;
}

function take(counts: VmCutCounts, found: Found, where: string): void {
  counts.acknowledged = found.acknowledged;
  counts.acknowledgedLost += found.lost;
  counts.wrongRows += found.wrong;
  counts.reported += found.isSalvaged ? 1 : 0;
  counts.problems.push(...found.problems.map((problem) => `${where}: ${problem}`));
}

interface Boot {
  readonly kernel: GuestKernel;
  readonly socket: string;
  /** Kept from guest to guest. */
  readonly notes: string;
  readonly task: "write" | "check";
  readonly writeMs: number;
}

/** One boot; it writes for so long, then its power is cut. Resolves with what it had found on its disk. */
async function bootOnce({ kernel, socket, notes, task, writeMs }: Boot): Promise<Found> {
  let found: Found | undefined;
  let tell: () => void = () => undefined;
  const writing = new Promise<void>((resolve) => (tell = resolve));
  const given = existsSync(notes) ? readFileSync(notes, "utf8") : "";
  const guest = await bootGuest({
    kernel,
    command: [
      "mkdir -p /mnt/disk && mount -t ext4 /dev/vda /mnt/disk || exit 3",
      // The notes of the runs before lie where the new ones will.
      "until [ -e /out/notes ]; do sleep 0.1; done",
      `node test/dist/storage/vm-writer.js /mnt/disk /out ${task}`,
    ].join("\n"),
    disks: [{ kind: "nbd", socket }],
    timeoutMs: BOOT_MS,
    onLine: (line) => {
      if (line.startsWith("@@FOUND ")) found = JSON.parse(line.slice(8)) as Found;
      if (line.startsWith("@@WRITING")) tell();
    },
  });
  try {
    writeFileSync(join(guest.folder, "notes"), given);
    const end = await Promise.race([guest.ended, writing]);
    if (end?.kind === "failed" && !end.isUp) throw new NotBootedError(end.console);
    if (task === "write") {
      if (end !== undefined) throw new Error(`the guest ended before it wrote: ${JSON.stringify(end)}`);
      await new Promise((resolve) => setTimeout(resolve, writeMs));
      await guest.cutPower();
      copyFileSync(join(guest.folder, "notes"), notes);
    }
    if (!found) throw new Error(`the guest did not say what it found: ${JSON.stringify(end)}`);
    return found;
  } finally {
    await guest.remove();
  }
}
