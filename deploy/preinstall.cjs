// Runs before any dependency exists: plain Node, no imports but node:*. Says in one line what is missing to compile
// the native packages (better-sqlite3, and the optional reader and GPIO bindings).
"use strict";
const { spawnSync } = require("node:child_process");

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`badgekey: error: Node.js ${process.versions.node} is too old; 20.19 or newer is needed`);
  console.error("badgekey: hint: README.md, \"What you need\", says where to get it");
  process.exit(1);
}

const found = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
const missing = [];
if (!found(process.env.CXX || "g++")) missing.push("g++");
if (!found("make")) missing.push("make");
if (!found(process.env.PYTHON || "python3")) missing.push("python3");

if (missing.length > 0 && process.platform === "linux") {
  console.error(`badgekey: note: ${missing.join(", ")} not found; without a compiler only prebuilt packages can be installed`);
  console.error("badgekey: hint: sudo apt-get install -y build-essential python3 libpcsclite-dev");
}
