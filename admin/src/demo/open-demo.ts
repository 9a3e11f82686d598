import { join } from "node:path";
import type { Instant } from "@badgekey/shared";
import { CardBox } from "./card-box.js";
import type { DataDir } from "./data-dir.js";
import { readIssuerKey } from "./forge.js";
import { machinePlans } from "./machines.js";
import { setUpCards, setUpMachines, untilAgentsReady } from "./seed.js";
import { type DemoSite, createSite } from "./site.js";

export interface OpenDemoOptions {
  readonly data: DataDir;
  readonly progress: (text: string) => void;
  readonly onTrouble: (text: string) => void;
  readonly usbReader?: string;
  now(): Instant;
  /** The site as soon as it may have processes: it must be closed whatever happens next. */
  onSite(site: DemoSite): void;
}

export interface OpenedDemo {
  readonly site: DemoSite;
  readonly box: CardBox;
}

/** Starts the site of a data directory, filling it at its first start. */
export async function openDemo(options: OpenDemoOptions): Promise<OpenedDemo> {
  const { data, progress } = options;
  const ids = machinePlans.map(({ id }) => id);
  progress("starting the gateway");
  const site = createSite(options);
  options.onSite(site);
  await site.begin();
  const box = await CardBox.open(data.demo);
  if (!data.isSetUp) await setUpMachines(site, progress);
  progress(`starting ${ids.join(", ")}, each with a simulated reader, relay and screen`);
  // Instants of reports have whole seconds.
  const since = Math.floor(options.now() / 1000) * 1000;
  await Promise.all(ids.map((id) => site.startAgent(id)));
  await untilAgentsReady(site, ids, since);
  if (!data.isSetUp) {
    await setUpCards(site, box, await readIssuerKey(data.gateway), progress);
    await data.markSetUp();
  }
  return { site, box };
}

/** Where the demo's data lies unless told otherwise. */
export function defaultDataPath(cwd: string): string {
  return join(cwd, "data");
}
