export { type VirtualCard, isoDepAtr, storageCardAtr } from "./virtual-card.js";
export { type NtagModel, VirtualNtag } from "./virtual-ntag.js";
export { type Type4TagOptions, VirtualType4Tag } from "./virtual-type4-tag.js";
export { virtualClassic, virtualPhone } from "./virtual-bare-card.js";
export { ntagWithBadge, type4WithBadge } from "./virtual-badge-card.js";
export * from "./test-site.js";
