// What `npm start` and `npm run demo` run: builds what is stale, then starts the demo in this process.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const projects = ["shared", "device-agent", "gateway", "admin"];

function fail(message, hint) {
  process.stderr.write(`badgekey: error: ${message}\nbadgekey: hint: ${hint}\n`);
  process.exit(1);
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(
    `Node.js ${process.versions.node} is too old`,
    "install Node.js 20.19 or newer: the README says where to get it",
  );
}

/** tsc -b looks at time stamps and hashes: with nothing stale it takes a second or two. */
function build(compiler) {
  process.stderr.write("checking what has to be built …\n");
  const tsc = spawn(process.execPath, [compiler, "-b", ...projects, "--verbose", "--pretty", "false"], { cwd: root });
  const errors = [];
  createInterface({ input: tsc.stdout }).on("line", (line) => {
    const project = /Building project '.*?([^/\\]+)[/\\]tsconfig\.json'/.exec(line)?.[1];
    if (project) process.stderr.write(`building ${project} …\n`);
    else if (/error TS\d+/.test(line)) errors.push(line);
  });
  tsc.stderr.pipe(process.stderr);
  // Ctrl-C reaches the compiler, too; it must not leave this program waiting.
  return new Promise((resolve) => tsc.once("close", (code, signal) => resolve({ code: signal ? 130 : code, errors })));
}

process.chdir(root);
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
if (!existsSync(compiler)) fail("the packages are not installed yet", "run: npm ci");
const { code, errors } = await build(compiler);
if (code === 130) process.exit(130);
if (code !== 0) {
  process.stderr.write(`${errors.slice(0, 20).join("\n")}\n`);
  fail("the build failed", "if nothing here was changed by hand, run: npm ci");
}

// The demo reads its options from the command line: the word that npm run demo adds is none of them.
if (process.argv[2] === "demo") process.argv.splice(2, 1);
await import("../admin/dist/demo/main.js");
