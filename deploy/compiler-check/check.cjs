// Plain Node without dependencies. npm runs the preinstall scripts of packages before it compiles any of them, and
// those of the project itself after everything: so this is a package of its own, and the project runs it once more at
// the end.
"use strict";
const { spawnSync } = require("node:child_process");
const { writeFileSync } = require("node:fs");

/** npm keeps what a package's script prints to itself; a person at a terminal shall see it before the long wait. */
function say(lines) {
  const text = `${lines.join("\n")}\n`;
  if (process.stderr.isTTY) return process.stderr.write(text);
  try {
    writeFileSync("/dev/tty", text);
  } catch {
    // No terminal: the script's own output is all there is.
    process.stderr.write(text);
  }
}

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  say([
    `badgekey: error: Node.js ${process.versions.node} is too old; 20.19 or newer is needed`,
    'badgekey: hint: README.md, "What you need", says where to get it',
  ]);
  process.exit(1);
}

const answers = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
const missing = [
  ["g++", process.env.CXX || "g++"],
  ["make", "make"],
  ["python3", process.env.PYTHON || "python3"],
].filter(([, command]) => !answers(command));

if (missing.length > 0) {
  say([
    `badgekey: note: no ${missing.map(([name]) => name).join(", no ")}: packages that must be compiled here (the card reader's, GPIO) are left out`,
    "badgekey: hint: sudo apt-get install -y build-essential python3 libpcsclite-dev pcscd && npm ci",
  ]);
}
