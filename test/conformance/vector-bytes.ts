import { type Cases } from "./vector-tools.js";

export const cbor: Cases = {
  "int-64-bit": { title: "RFC 8949 appendix A: -2^64", bytes: "3bffffffffffffffff", expect: "ACCEPTED" },
  "map-sorted": { title: "SPEC 1.1 keys in the order of their encodings", bytes: "a3010204022000", expect: "ACCEPTED" },
  "too-deep": { title: "SPEC 1.2 nine arrays deep", bytes: `${"81".repeat(9)}00`, expect: "CBOR_TOO_DEEP" },
  truncated: { title: "SPEC 1.2 a text that ends early", bytes: "636162", expect: "CBOR_TRUNCATED" },
  trailing: { title: "SPEC 1.2 two items", bytes: "0000", expect: "CBOR_TRAILING_BYTES" },
  indefinite: { title: "SPEC 1.2 an indefinite array", bytes: "9f00ff", expect: "CBOR_INDEFINITE" },
  "not-minimal": { title: "SPEC 1.2 23 in two bytes", bytes: "1817", expect: "CBOR_NOT_DETERMINISTIC" },
  "keys-unsorted": { title: "SPEC 1.2 keys out of order", bytes: "a202000100", expect: "CBOR_NOT_DETERMINISTIC" },
  "key-twice": { title: "SPEC 1.2 one key twice", bytes: "a201000101", expect: "CBOR_KEY_DUPLICATE" },
  "key-array": { title: "SPEC 1.2 an array as key", bytes: "a18000", expect: "CBOR_KEY_INVALID" },
  float: { title: "SPEC 1.2 1.0 as half float", bytes: "f93c00", expect: "CBOR_FLOAT" },
  undefined: { title: "SPEC 1.2 undefined", bytes: "f7", expect: "CBOR_SIMPLE_UNEXPECTED" },
  "tag-date": { title: "SPEC 1.2 a tag nobody expects", bytes: "c100", expect: "CBOR_TAG_UNEXPECTED" },
  "text-invalid": { title: "SPEC 1.2 a lone continuation byte", bytes: "6180", expect: "CBOR_TEXT_INVALID" },
  reserved: { title: "SPEC 1.2 a reserved head", bytes: "1c", expect: "CBOR_MALFORMED" },
  "too-many-items": { title: "SPEC 1.2 70,000 items announced", bytes: "9a00011170", expect: "CBOR_TOO_LARGE" },
};

export const sign1: Cases = {
  "three-parts": { title: "RFC 9052 4.2 three parts", bytes: "d28340a040", expect: "COSE_MALFORMED" },
  detached: {
    title: "RFC 9052 4.2 a detached payload is generic COSE",
    bytes: "d28443a10126a0f640",
    expect: "ACCEPTED",
  },
  "label-in-both": {
    title: "RFC 9052 3 one label in both headers",
    bytes: "d28443a10126a101264040",
    expect: "COSE_MALFORMED",
  },
};

export const statusList: Cases = {
  "one-bit": {
    title: "Token Status List, 1 bit, 16 statuses",
    bytes: "a2646269747301636c73744a78dadbb918000217015d",
    expect: "ACCEPTED",
  },
  "two-bit": {
    title: "Token Status List, 2 bits, 12 statuses",
    bytes: "a2646269747302636c73744b78da3be9f2130003df0207",
    expect: "ACCEPTED",
  },
  "three-bits": {
    title: "SPEC 4.4 bits that do not exist",
    bytes: "a2646269747303636c73744a78dadbb918000217015d",
    expect: "STATUS_LIST_MALFORMED",
  },
  damaged: {
    title: "SPEC 4.4 damaged compression",
    bytes: "a2646269747301636c73744a78dadbb918000217015e",
    expect: "STATUS_LIST_MALFORMED",
  },
};

export const ndef: Cases = {
  empty: { title: "NDEF: nothing at all", bytes: "", expect: "NDEF_MALFORMED" },
  "record-cut": { title: "NDEF: a payload longer than the message", bytes: "d1011055", expect: "NDEF_MALFORMED" },
};

export const usage: Cases = {
  "no-rows": { title: "SPEC 6.2 a packet without rows", bytes: "80", expect: "USAGE_MALFORMED" },
  "row-of-four": { title: "SPEC 6.2 a row of four parts", bytes: "818401014040", expect: "USAGE_MALFORMED" },
};
