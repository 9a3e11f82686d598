import type { ReaderConfig } from "../config.js";
import { probePcscd } from "../hardware/pcsc-launch.js";
import type { Reader } from "../ports.js";
import type { DoctorProbes } from "./doctor-probes.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const READER_WAIT_MS = 4_000;
const INSTALL_PCSC = "sudo apt-get install -y build-essential libpcsclite-dev pcscd && npm ci";
const POLKIT =
  "sudo install -Dm644 deploy/systemd/50-badgekey-pcscd.rules -t /etc/polkit-1/rules.d/, and run doctor as the agent's user: sudo -u badgekey-agent …";

/** What to do about a simulated device on a real machine. */
export const BENCH = "use the driver of the real device before a real machine hangs on this agent";

type ReaderProbes = Pick<DoctorProbes, "pcscDriverMissing" | "pcscdSocket" | "openReader">;

/**
 * Looks at one configured reader. Opens it for a few seconds at most; a reader that another process uses still shows.
 */
export async function checkReader(config: ReaderConfig, probes: ReaderProbes): Promise<readonly Finding[]> {
  if (config.driver === "simulated") {
    return [warning("reader", `simulated, by ${config.socket}: no real card is read`, BENCH)];
  }
  const check = config.name === undefined ? "reader" : `reader ${config.name}`;
  const missing = probes.pcscDriverMissing();
  if (missing !== undefined) return [failed(check, withoutKind(missing), INSTALL_PCSC)];
  const silent = await probePcscd(probes.pcscdSocket);
  if (silent !== undefined) return [failed("pcscd", withoutKind(silent), mendFor(silent))];
  return [ok("pcscd", `answers at ${probes.pcscdSocket}`), await watchReader(check, await probes.openReader(config))];
}

async function watchReader(check: string, reader: Reader): Promise<Finding> {
  let reason = `nothing was heard of it in ${String(READER_WAIT_MS)} ms`;
  const name = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), READER_WAIT_MS);
    const done = (found: string | undefined): void => {
      clearTimeout(timer);
      resolve(found);
    };
    reader.start((event) => {
      if (event.kind === "readerReady") done(event.reader);
      if (event.kind !== "readerLost") return;
      reason = event.reason;
      if (/^(absent|ambiguous|missing):/.test(reason)) done(undefined);
    });
  });
  await reader.close();
  if (name !== undefined) return ok(check, name);
  return failed(check, withoutKind(reason), mendFor(reason));
}

export function mendFor(reason: string): string {
  if (reason.startsWith("ambiguous:")) return "write `name:` with the serial number of one of them under `readers`";
  if (reason.startsWith("absent:")) return "plug the reader in, then see it with: pcsc_scan -r";
  if (reason.startsWith("missing:")) return INSTALL_PCSC;
  if (reason.includes("polkit")) return POLKIT;
  if (reason.includes("does not listen")) return "sudo systemctl enable --now pcscd.socket";
  return "sudo systemctl restart pcscd, then look into: journalctl -u pcscd";
}

export function withoutKind(reason: string): string {
  return reason.replace(/^[a-z]+: /, "").replace(/; run: .*$/, "");
}
