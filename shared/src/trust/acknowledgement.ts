import { labelled } from "../cbor/fields.js";
import type { TrustCode } from "../codes.js";
import type { RowPosition } from "../usage/chain.js";
import type { Signer, Verdict } from "../verdict.js";
import { type Root, roleKey } from "./root.js";
import { LABEL, openObject, payloadFields, signObject } from "./signed-object.js";

/** Says which rows the gateway holds; the journal drops them only if `chain` is its own hash there (SPEC 6.4). */
export interface Acknowledgement {
  readonly upTo: RowPosition;
  /** 32 bytes. */
  readonly chain: Uint8Array;
}

const BOOT = 10;
const SEQUENCE = 11;
const CHAIN = 12;

export function signAcknowledgement(
  ack: Acknowledgement & { readonly agent: string },
  site: Uint8Array,
  signer: Signer,
): Uint8Array {
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.agent, ack.agent],
    [BOOT, ack.upTo.boot],
    [SEQUENCE, ack.upTo.sequence],
    [CHAIN, ack.chain],
  ]);
  return signObject("acknowledgement", payload, signer);
}

export function openAcknowledgement(
  bytes: Uint8Array,
  root: Root,
  site: Uint8Array,
  agent: string,
): Verdict<Acknowledgement, TrustCode> {
  return openObject(bytes, {
    type: "acknowledgement",
    site,
    agent,
    findKey: roleKey(root, "online"),
    read: (payload) => {
      const fields = payloadFields(payload);
      return {
        upTo: { boot: fields.uint(BOOT, 0xffff_ffff, 1), sequence: fields.uint(SEQUENCE, Number.MAX_SAFE_INTEGER, 1) },
        chain: fields.bytes(CHAIN, 32),
      };
    },
  });
}
