// `npm run test:storage [-- --cuts N]`: the storage tests at full size. `--part steps|faults|flips|vm` runs one part,
// `--seed N` with other random numbers. Needs a C compiler; the part `vm` needs QEMU and mkfs.ext4, too.
import { spawnSync } from "node:child_process";

const wantsVm = !process.argv.includes("--part") || process.argv.includes("vm");
const needed = {
  cc: "build-essential",
  ...(wantsVm && { "qemu-system-x86_64": "qemu-system-x86", "mkfs.ext4": "e2fsprogs" }),
};
const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const missing = Object.entries(needed).filter(
  ([program]) => spawnSync("sh", ["-c", `command -v ${program}`], { env: { ...process.env, PATH: path } }).status !== 0,
);
if (missing.length > 0) {
  console.error(`badgekey: error: the storage tests need ${missing.map(([program]) => program).join(", ")}`);
  console.error(`badgekey: hint: run: sudo apt-get install -y ${missing.map(([, name]) => name).join(" ")}`);
  process.exit(1);
}
await import("../dist/storage/main.js");
