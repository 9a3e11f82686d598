import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { diskFolder, rememberLines, siteStateStore, writeEnrolment } from "@badgekey/device-agent";
import { fromHex, toHex } from "@badgekey/shared";
import { testSite } from "@badgekey/shared/testing";
import { AGENT, type AgentCards, PINS } from "./guest/agent-site.js";

const run = promisify(execFile);
const HOUR_MS = 3_600_000;
const STRANGERS = 60;

/**
 * An ext4 image with the data folder of an enrolled agent that knows its site, and the cards of the story in
 * cards.json. There is no gateway: it is offline from the first moment.
 */
export async function makeAgentDisk(folder: string, nowAt: number): Promise<string> {
  const content = join(folder, "disk");
  const site = testSite({
    at: nowAt - HOUR_MS,
    machines: {
      [AGENT]: {
        name: AGENT,
        requires: [[{ training: 1, level: 2 as const }]],
        problem: { outOfService: true },
        wiring: { relay: { pin: PINS.relay }, inputs: { problemButton: { pin: PINS.problemButton } } },
      },
    },
  });
  const dataDir = join(content, AGENT);
  await mkdir(dataDir, { recursive: true });
  await writeEnrolment(dataDir, {
    agent: AGENT,
    site: site.site,
    roots: [site.rootBytes],
    agentKey: new Uint8Array(32).fill(7),
    // Nobody listens at the gateway's address: the agent says so in its log, and works.
    tls: { cert: "none", key: "none", ca: "none" },
    broker: { host: "127.0.0.1", port: 1 },
    machines: [AGENT],
    gateway: "https://127.0.0.1:1",
  });
  const log = { warn: () => undefined };
  const store = siteStateStore({ disk: diskFolder(join(dataDir, "site-state")), roots: [site.rootBytes], log });
  const objects = Object.entries(site.first).map(([name, { bytes }]) => ({ name, bytes }));
  await store.save([{ name: "heartbeat", bytes: site.heartbeat(site.first) }, ...objects], []);
  await store.saveClock(nowAt, nowAt);
  await store.settled();
  // It has run before: the unit looks here for what may have been left active.
  const outputs = { relay: { pin: PINS.relay, activeLow: false } };
  await rememberLines([dataDir], { driver: { name: "sysfs" }, outputs, lamps: {}, inputs: {} });
  const cardOf = (index: number, training: number, level: 2 | 4 = 2): AgentCards["trained"] => {
    const uid = `04${index.toString(16).padStart(12, "0")}`;
    const holder = index.toString(16).padStart(8, "0");
    const grants = [{ training, level, daysBefore: 0 }];
    return { uid, badge: toHex(site.badge({ cardUid: fromHex(uid), holder, statusIndex: index, grants })) };
  };
  const cards: AgentCards = {
    site: toHex(site.site),
    trained: cardOf(1, 1),
    steward: cardOf(2, 1, 4),
    strangers: Array.from({ length: STRANGERS }, (_, index) => cardOf(index + 3, 2)),
  };
  await writeFile(join(content, "cards.json"), JSON.stringify(cards));
  const image = join(folder, "disk.img");
  await run("truncate", ["-s", "384M", image]);
  await run("mkfs.ext4", ["-q", "-F", "-d", content, image]);
  return image;
}
