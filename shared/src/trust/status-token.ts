import { FieldError, Fields, labelled, toSeconds } from "../cbor/fields.js";
import type { CborMap } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import { type StatusList, encodeStatusList, readStatusList } from "../status/status-list.js";
import { type Instant, type Signer, type Verdict, no } from "../verdict.js";
import { openObject, signObject } from "./signed-object.js";
import { keyIdOf } from "../crypto/cose-key.js";
import { sameBytes } from "../cbor/value.js";
import type { IssuerEntry } from "./trust-list.js";

/** A signed status list (SPEC 4.4): IETF Token Status List as CWT, plus site and version under private labels. */
export interface StatusToken {
  readonly uri: string;
  readonly version: number;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  readonly list: StatusList;
}

const CLAIM = { sub: 2, exp: 4, iat: 6, statusList: 65533, ttl: 65534, site: -65539, version: -65540 } as const;
const CAPACITY = 1 << 17;

/** `packed` holds 2-bit statuses, first in the least significant bits, at full capacity. */
export function signStatusList(
  token: Omit<StatusToken, "list"> & { readonly packed: Uint8Array; readonly ttlSeconds: number },
  site: Uint8Array,
  signer: Signer,
): Uint8Array {
  const payload = labelled([
    [CLAIM.sub, token.uri],
    [CLAIM.exp, toSeconds(token.expiresAt)],
    [CLAIM.iat, toSeconds(token.issuedAt)],
    [CLAIM.statusList, encodeStatusList(token.packed)],
    [CLAIM.ttl, token.ttlSeconds],
    [CLAIM.site, site],
    [CLAIM.version, token.version],
  ]);
  return signObject("statusList", payload, signer);
}

/** Opens an issuer's status list: its status key, its URI, 2 bits, at most 2^17 statuses. */
export function openStatusList(
  bytes: Uint8Array,
  issuer: IssuerEntry,
  site: Uint8Array,
): Verdict<StatusToken, TrustCode> {
  const opened = openObject(bytes, {
    type: "statusList",
    site,
    siteLabel: CLAIM.site,
    findKey: (keyId) => (sameBytes(keyId, keyIdOf(issuer.statusKey)) ? issuer.statusKey : undefined),
    read: readToken,
  });
  if (opened.ok && opened.value.uri !== issuer.statusUri)
    return no("STATUS_LIST_MISPLACED", "its URI is not the issuer's");
  return opened;
}

function readToken(payload: CborMap): StatusToken {
  const fields = new Fields(payload, [CLAIM.site, CLAIM.version]);
  const list = readStatusList(fields.raw(CLAIM.statusList));
  if (list.bits !== 2 || list.length > CAPACITY) throw new FieldError("not a 2-bit list of at most 2^17 statuses");
  return {
    uri: fields.text(CLAIM.sub, 256),
    version: fields.uint(CLAIM.version, 0xffff_ffff, 1),
    issuedAt: fields.instant(CLAIM.iat),
    expiresAt: fields.instant(CLAIM.exp),
    list,
  };
}
