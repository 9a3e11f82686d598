export { type NdefRecord, type Tnf, decodeNdefMessage, encodeNdefMessage } from "./ndef-message.js";
export { badgeInMessage, badgeMessage } from "./badge-message.js";
export {
  type ReservedArea,
  TYPE2_CC,
  TYPE2_DATA,
  TYPE2_PAGE,
  type Type2Scan,
  type Type2Tag,
  type Type2Tlv,
  decodeType2,
  scanType2,
} from "./type2.js";
export { type PageWrite, type Type2WritePlan, planType2Write } from "./type2-plan.js";
export {
  type FileWrite,
  TYPE4_APPLICATION,
  TYPE4_CC_FILE,
  TYPE4_CC_LENGTH,
  type Type4Capability,
  decodeType4Capability,
  decodeType4File,
  decodeType4Length,
  encodeType4Capability,
  encodeType4File,
  planType4Write,
} from "./type4.js";
