import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAgentDisk } from "./agent-disk.js";
import { bootCases, type Suite } from "./suite.js";

/** The host waits so long at the most while the guest writes its journals, then cuts. Milliseconds. */
const MOST_BEFORE_CUT = 1500;
const TIMEOUT_MS = 280_000;

/**
 * The whole agent on one disk: under systemd with the project's own unit until the power is cut in the middle of a use
 * and of the journal's writes, and so once more after it.
 */
export const agentSuite: Suite = {
  name: "agent",
  run: async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "badgekey-agent-disk-"));
    try {
      const file = await makeAgentDisk(folder, Date.now());
      const disks = [{ kind: "image", file }] as const;
      await bootCases(context, {
        init: "systemd",
        command: "nice -n 10 node test/dist/gpio/guest/agent-main.js",
        disks,
        timeoutMs: TIMEOUT_MS,
        cutAfter: { line: "@@cut", ms: MOST_BEFORE_CUT * Math.random() },
      });
      await bootCases(context, {
        init: "systemd",
        command: `nice -n 10 node test/dist/gpio/guest/after-cut-main.js ${context.strict ? "--strict" : ""}`,
        disks,
        timeoutMs: TIMEOUT_MS,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
