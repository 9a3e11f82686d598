import { parseArgs } from "node:util";
import { flipJournalBits, flipSiteStateBits, noFlips } from "./bit-flips.js";
import { FAULT_KINDS, failAtEveryWrite } from "./fault-cases.js";
import { buildFaultLayer } from "./fault-layer.js";
import { cutAtEveryStep } from "./power-cuts.js";
import { cutVirtualMachine } from "./vm-cuts.js";

/** `npm run test:storage`: storage under fire (SAFETY R5, R18–R20), each part printing what it counted. */

const { values } = parseArgs({
  options: {
    cuts: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    flips: { type: "string", default: "2000" },
    records: { type: "string", default: "80" },
    part: { type: "string", multiple: true, default: ["steps", "faults", "flips", "vm"] },
    step: { type: "string" },
    flip: { type: "string" },
    from: { type: "string" },
  },
});
const seed = Number(values.seed);
const chosen = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
let failed = 0;

async function part(name: string, run: () => Promise<{ readonly problems: readonly string[] }>): Promise<void> {
  if (!values.part.includes(name.split(" ")[0] as string)) return;
  const began = process.hrtime.bigint();
  const { problems, ...counts } = await run();
  const seconds = Number((process.hrtime.bigint() - began) / 1_000_000n) / 1_000;
  console.log(`${name}: ${JSON.stringify({ ...counts, problems: problems.length, seed, seconds })}`);
  for (const problem of problems.slice(0, 20)) console.log(`  ${problem}`);
  failed += problems.length;
}

const layer = buildFaultLayer();
try {
  const step = chosen(values.step);
  await part("steps of the disk, power cut after each", () =>
    cutAtEveryStep({ layer, seed, records: Number(values.records), ...(step !== undefined && { step }) }),
  );
  for (const kind of FAULT_KINDS) {
    await part(`faults ${kind}, from each write or sync on`, () =>
      failAtEveryWrite(layer, kind, { from: chosen(values.from) ?? 1 }),
    );
  }
  const flips = Number(values.flips);
  await part("flips of bits in the journal", () => {
    const counts = noFlips();
    flipJournalBits(flips, seed, counts, chosen(values.flip));
    return Promise.resolve(counts);
  });
  await part("flips of bits in the site state", async () => {
    const counts = noFlips();
    await flipSiteStateBits(flips / 4, seed, counts, chosen(values.flip));
    return counts;
  });
} finally {
  layer.remove();
}
await part("vm power cuts", () => cutVirtualMachine(Number(values.cuts), seed, (line) => console.error(line)));
if (failed > 0) {
  console.error(
    "again, for one case: npm run test:storage -- --part steps --step N, --part flips --flip N, --part faults --from N",
  );
  process.exitCode = 1;
}
