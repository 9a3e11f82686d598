import { OBJECT_NAME } from "@badgekey/shared";

const SUFFIX = ".cose";
const ROOT = /^root\/[1-9][0-9]{0,8}$/;

/**
 * Whether an object of that name is kept: root/<version>, heartbeat, trust, policy, status/<kid>,
 * directory/<kid>/<shard>.
 */
export function isObjectName(name: string): boolean {
  return ROOT.test(name) || name === "heartbeat" || (name !== "root" && OBJECT_NAME.test(name));
}

/** The file of an object, e.g. "status/0a1b2c3d" in "status-0a1b2c3d.cose". Throws a RangeError for any other name. */
export function fileOfObject(name: string): string {
  // Names come from the trust client; one that could leave the folder would be a defect.
  if (!isObjectName(name)) throw new RangeError("not the name of a site-state object");
  return name.replaceAll("/", "-") + SUFFIX;
}

/** Undefined where the file is none of ours. */
export function objectOfFile(file: string): string | undefined {
  if (!file.endsWith(SUFFIX)) return undefined;
  const name = file.slice(0, -SUFFIX.length).replaceAll("-", "/");
  return isObjectName(name) ? name : undefined;
}
