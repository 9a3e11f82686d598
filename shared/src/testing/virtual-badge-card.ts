import { badgeMessage, encodeType4File, planType2Write, scanType2 } from "../ndef/index.js";
import { type NtagModel, VirtualNtag } from "./virtual-ntag.js";
import { type Type4TagOptions, VirtualType4Tag } from "./virtual-type4-tag.js";

/** An NTAG that holds `badge` as its only record. Throws a RangeError when it does not fit. */
export function ntagWithBadge(model: NtagModel, uid: Uint8Array, badge: Uint8Array): VirtualNtag {
  const card = new VirtualNtag(model, uid);
  const memory = card.memory();
  const scan = scanType2(memory);
  if (scan.kind === "incomplete") throw new RangeError("a factory-fresh tag is always complete");
  const { content, commit } = planType2Write(memory, scan.tag, badgeMessage(badge));
  for (const { page, data } of [...content, commit]) memory.set(data, page * data.length);
  card.restore(memory);
  return card;
}

/** A Type 4 tag that holds `badge` as its only record. Throws a RangeError when it does not fit. */
export function type4WithBadge(options: Type4TagOptions, badge: Uint8Array): VirtualType4Tag {
  const card = new VirtualType4Tag(options);
  const file = card.snapshot();
  file.set(encodeType4File(badgeMessage(badge)));
  card.restore(file);
  return card;
}
