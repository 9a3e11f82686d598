// The tests on real kernel lines, in virtual machines: `npm run test:gpio [-- --only relay] [--json] [--strict]`, and
// `npm run test:board`. What is needed of the system is looked at first, so that a machine without it is told in one
// line.
import { spawnSync } from "node:child_process";

const wanted = [
  ["qemu-system-x86", "qemu-system-x86_64"],
  ["qemu-system-arm", "qemu-system-aarch64"],
  ["g++-aarch64-linux-gnu", "aarch64-linux-gnu-g++"],
  ["build-essential", "make"],
  ["busybox-static", "busybox"],
  ["cpio", "cpio"],
  ["kmod", "depmod"],
  ["zstd", "zstd"],
  ["xz-utils", "xz"],
  ["systemd", "systemctl"],
  ["e2fsprogs", "mkfs.ext4"],
  ["util-linux", "flock"],
];
// Debian keeps some of them in folders that a plain user's PATH lacks.
process.env.PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
const missing = wanted.filter(([, program]) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
if (missing.length > 0) {
  const packages = missing.map(([name]) => name).join(" ");
  console.error(`badgekey: error: the tests on kernel lines need ${packages}`);
  console.error(`badgekey: hint: run: sudo apt-get install -y ${packages}`);
  process.exit(1);
}
const { main } = await import("../dist/gpio/main.js");
process.exitCode = await main(process.argv.slice(2));
