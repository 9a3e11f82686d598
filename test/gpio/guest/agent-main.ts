import { mountDisk, openAgentBench, setUpAgent } from "./agent-bench.js";
import { DATA, PINS } from "./agent-site.js";
import { pause, runCases, until } from "./cases.js";
import { createChip } from "./gpio-sim.js";
import { LineTrace } from "./line-trace.js";
import { agentUnit, run, showLog } from "./unit.js";
import { WatchedPin } from "./watched-pin.js";

/**
 * In a guest whose first process is systemd: the whole agent on sysfs under the project's own unit. Ends with the
 * machine in use, its journal being written and a problem reported: the host then cuts the power.
 */
const STALL_MS = 5000;

const chip = createChip();
const trace = new LineTrace(chip.base);
mountDisk();
const relay = new WatchedPin(PINS.relay, chip, trace);
setUpAgent(chip);
const agent = await agentUnit(chip);
agent.start();
const startedAt = performance.now();
const bench = await openAgentBench();
bench.lay(bench.trained);

const failed = await runCases([
  {
    name: "R6: a card that lies in the field at boot counts for nothing, until it is taken away and laid again",
    run: async (measure) => {
      await bench.ready();
      await agent.active();
      measure("activeAfterMs", performance.now() - startedAt);
      await pause(2000);
      relay.expectUnmoved(0);
      bench.take();
      // What a refusal needs for the first time is not what the next case is about.
      await bench.tap(bench.strangers[1]!);
      await bench.startUse(relay);
    },
  },
  {
    name: "R8: a disk that stands still for 5 s in the middle of a use costs no renewal",
    run: async () => {
      trace.clear();
      run("fsfreeze", "-f", DATA);
      try {
        // Something wants to be written meanwhile.
        bench.lay(bench.strangers[0]!);
        await pause(STALL_MS);
      } finally {
        run("fsfreeze", "-u", DATA);
        bench.take();
      }
      await pause(1000);
      relay.expectUnmoved(1);
    },
  },
]);

if (failed > 0) await showLog();
else {
  chip.pull(PINS.problemButton, "up");
  const isTold = (): boolean => bench.state.screen?.detail.startsWith("Out of service") ?? false;
  await until("the problem on the screen", isTold, 15_000).catch((error: unknown) => {
    throw new Error(`${String(error)}; it shows ${JSON.stringify(bench.state.screen)}`);
  });
  chip.pull(PINS.problemButton, "down");
  process.stdout.write(`screen: ${JSON.stringify(bench.state.screen)}\n`);
  process.stdout.write("@@cut\n");
  // The journal is written until the power goes.
  for (const stranger of bench.strangers) process.stdout.write(`${await bench.tap(stranger)}\n`);
}
process.exit(1);
