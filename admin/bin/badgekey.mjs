#!/usr/bin/env node
import { existsSync } from "node:fs";

const entry = new URL("../dist/cli/process.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("badgekey: error: not built yet\nbadgekey: hint: run: npm run build\n");
  process.exit(1);
}
await import(entry.href);
