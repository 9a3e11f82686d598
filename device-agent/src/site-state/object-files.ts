import { OBJECT_NAME } from "@badgekey/shared";

const SUFFIX = ".cose";
const ROOT = /^root\/[1-9][0-9]{0,8}$/;
const HEARTBEAT_FILE = /^heartbeat-[1-9][0-9]{0,9}\.cose$/;

/** Whether an object of that name is kept: root/<version>, trust, policy, status/<kid>, directory/<kid>/<shard>. */
export function isListName(name: string): boolean {
  return ROOT.test(name) || (name !== "root" && OBJECT_NAME.test(name));
}

/** The file of an object other than a heartbeat, e.g. "status/0a1b2c3d" in "status-0a1b2c3d.cose". */
export function fileOfList(name: string): string {
  // Names come from the trust client; one that could leave the folder would be a defect.
  if (!isListName(name)) throw new RangeError("not the name of a site-state object");
  return name.replaceAll("/", "-") + SUFFIX;
}

/** Undefined where the file is none of ours. */
export function listOfFile(file: string): string | undefined {
  if (!file.endsWith(SUFFIX)) return undefined;
  const name = file.slice(0, -SUFFIX.length).replaceAll("-", "/");
  return isListName(name) ? name : undefined;
}

/** Heartbeats are told apart by their versions, because more than one may be needed (see restore-order.ts). */
export function fileOfHeartbeat(version: number): string {
  return `heartbeat-${String(version)}${SUFFIX}`;
}

export function isHeartbeatFile(file: string): boolean {
  return HEARTBEAT_FILE.test(file);
}
