import { badge } from "./vector-badge.js";
import { cbor, ndef, sign1, statusList, usage } from "./vector-bytes.js";
import { tap } from "./vector-tap.js";
import { NOW, type Cases, type VectorCase } from "./vector-tools.js";
import { trust } from "./vector-trust.js";

export { SITE, type VectorCase } from "./vector-tools.js";

const groups: Readonly<Record<string, Cases>> = {
  badge,
  cbor,
  sign1,
  "status-list": statusList,
  ndef,
  usage,
  trust,
  tap,
};

/** Every case by its file's path below shared/vectors. */
export function vectorCases(): ReadonlyMap<string, VectorCase> {
  const cases = new Map<string, VectorCase>();
  for (const [area, group] of Object.entries(groups)) {
    for (const [name, one] of Object.entries(group)) {
      const timed = area === "badge" || area === "trust" || area === "tap" ? { now: NOW } : {};
      const { title, as, bytes, expect, ...more } = one;
      cases.set(`${area}/${name}.json`, { title, as: as ?? area, bytes, ...timed, ...more, expect });
    }
  }
  return cases;
}
