import { homedir } from "node:os";
import { createInterface } from "node:readline/promises";
import { setTimeout as delay } from "node:timers/promises";
import pico from "picocolors";
import type { CliIo } from "./io.js";
import { runCli } from "./main.js";

/** The CLI's world as the process has it. */
function processIo(): CliIo {
  const interactive = process.stderr.isTTY && process.stdin.isTTY;
  return {
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    interactive,
    colors: pico.isColorSupported && process.stdout.isTTY,
    write: (text) => void process.stdout.write(text),
    say: (text) => void process.stderr.write(text),
    async ask(question) {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    now: () => Date.now(),
    sleep: (ms) => delay(ms),
  };
}

// A reader of our output that went away (| head) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
process.exitCode = await runCli(process.argv.slice(2), processIo());
