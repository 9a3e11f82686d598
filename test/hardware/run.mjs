// Runs the hardware tests beside a real pcscd with virtual readers, in namespaces of its own: the machine's own pcscd,
// its readers and its network are not touched. `npm run test:hardware [-- vitest arguments]`. With `--program FILE
// [arguments]` it runs that program there instead of the tests.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const inside = process.env.BADGEKEY_HARDWARE_INSIDE === "1";

if (inside) runTests();
else enterNamespaces();

function enterNamespaces() {
  const missing = missingPackages();
  if (missing.length > 0) {
    console.error(`badgekey: error: the hardware tests need ${missing.join(", ")}`);
    console.error(
      "badgekey: hint: run: sudo apt-get install -y build-essential libpcsclite-dev pcscd vsmartcard-vpcd iproute2 && npm ci",
    );
    process.exit(1);
  }
  // Without root a user namespace grants what is needed, where the kernel allows it.
  const user = process.getuid() === 0 ? [] : ["--user", "--map-root-user"];
  const unshare = ["--mount", "--net", "--kill-child", "--fork", ...user];
  const command = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const run = spawnSync("unshare", [...unshare, ...command], {
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: searchPath().join(delimiter),
      BADGEKEY_HARDWARE_INSIDE: "1",
      BADGEKEY_VPCD_DRIVER: vpcdDriver(),
    },
  });
  if (run.error) throw run.error;
  process.exit(run.status ?? 1);
}

function runTests() {
  const scratch = mkdtempSync(join(tmpdir(), "badgekey-hardware-"));
  try {
    prepareRun();
    prepareLoopback();
    const preload = buildFastPolling(scratch);
    const vitest = join(here, "../../node_modules/vitest/vitest.mjs");
    const [flag, ...program] = process.argv.slice(2);
    const tests = [vitest, "run", "--config", join(here, "vitest.config.ts"), ...process.argv.slice(2)];
    const run = spawnSync(process.execPath, flag === "--program" ? program : tests, {
      stdio: "inherit",
      env: {
        ...process.env,
        BADGEKEY_PCSCD_PRELOAD: preload,
        BADGEKEY_PCSCD_FLAGS: pcscdFlags().join(" "),
      },
    });
    process.exitCode = run.status ?? 1;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function missingPackages() {
  const wanted = [
    ["build-essential", () => onPath("cc")],
    ["pcscd", () => onPath("pcscd")],
    ["vsmartcard-vpcd", () => vpcdDriver() !== undefined],
    ["iproute2", () => onPath("ip")],
    ["util-linux", () => onPath("unshare")],
    ["libpcsclite-dev (nfc-pcsc was not built)", hasNfcPcsc],
  ];
  return wanted.filter(([, isThere]) => !isThere()).map(([name]) => name);
}

function hasNfcPcsc() {
  try {
    createRequire(import.meta.url).resolve("nfc-pcsc");
    return true;
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return false;
    throw error;
  }
}

/** Debian keeps daemons in directories that a plain user's PATH lacks. */
function searchPath() {
  return [...new Set([...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"])];
}

function onPath(program) {
  return searchPath().some((folder) => existsSync(join(folder, program)));
}

function vpcdDriver() {
  const drivers = "/usr/lib/pcsc/drivers/serial";
  if (!existsSync(drivers)) return undefined;
  const library = readdirSync(drivers).find((name) => name === "libifdvpcd.so");
  return library && join(drivers, library);
}

/** A /run/pcscd of our own, which hides the machine's. */
function prepareRun() {
  const target = existsSync("/run/pcscd") ? "/run/pcscd" : "/run";
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", target]);
  mkdirSync("/run/pcscd", { recursive: true });
}

/**
 * Loopback is the only network: vpcd listens on all addresses. It sends a command's length and its payload apart, so
 * that without quick acknowledgements every command waits 40 ms for the first one's.
 */
function prepareLoopback() {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const route = ["table", "local", "proto", "kernel", "scope", "host", "src", "127.0.0.1", "quickack", "1"];
  for (const range of ["127.0.0.0/8", "127.0.0.1"])
    execFileSync("ip", ["route", "replace", "local", range, "dev", "lo", ...route]);
}

function buildFastPolling(scratch) {
  const library = join(scratch, "fast-polling.so");
  execFileSync("cc", ["-O2", "-shared", "-fPIC", "-o", library, join(here, "fast-polling.c"), "-ldl"], {
    stdio: "inherit",
  });
  return library;
}

/** pcscd from 2.0 on asks polkit, which does not run here. */
function pcscdFlags() {
  const help = spawnSync("pcscd", ["--help"], { encoding: "utf8" });
  return `${help.stdout}${help.stderr}`.includes("--disable-polkit") ? ["--disable-polkit"] : [];
}
