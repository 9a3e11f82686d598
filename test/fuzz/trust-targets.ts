import {
  type CborValue,
  DAY_MS,
  Tagged,
  TrustClient,
  decodeStrict,
  encodeDeterministic,
  sha256,
  signRoot,
} from "@badgekey/shared";
import { TEST_EPOCH } from "@badgekey/shared/testing";
import { NOW, SITE, type Target, VENDOR, object, stranger } from "./target.js";

const { keys, site, root } = SITE;
const heartbeat = SITE.heartbeat(SITE.first, 2, NOW);
const rootTwo = { ...root, site, version: 2 };

export function rootTarget(): Target {
  const original = signRoot(rootTwo, [keys.root]);
  const parts = (decodeStrict(original) as Tagged).value as CborValue[];
  const sign: Target["sign"] = (payload, variation) => {
    const by = variation === "foreignKey" ? stranger : keys.root;
    const body = encodeDeterministic(
      new Map<CborValue, CborValue>([
        [16, variation === "otherType" ? "other" : `${VENDOR}root`],
        ...(variation === "extraProtected" ? ([[99, 1]] as const) : []),
      ]),
    );
    const header = encodeDeterministic(
      new Map<CborValue, CborValue>([
        [1, variation === "otherAlgorithm" ? -8 : -19],
        [4, by.keyId],
      ]),
    );
    const signature = by.sign(encodeDeterministic(["Signature", body, header, new Uint8Array(0), payload]));
    const outer = [
      body,
      variation === "unprotected" ? new Map([[4, by.keyId]]) : new Map(),
      payload,
      [[header, new Map(), signature]],
    ];
    return encodeDeterministic(variation === "untagged" ? outer : new Tagged(98, outer));
  };
  const read = (bytes: Uint8Array) => {
    const client = TrustClient.start(SITE.rootBytes, { site, agent: "laser-1", monotonicMs: 0 });
    if (!client.ok) throw new Error(client.code);
    const offer = client.value.offer("root/2", bytes, 0);
    return offer.outcome === "accepted"
      ? "ACCEPTED"
      : offer.outcome === "waiting"
        ? (offer.detail ?? "waiting")
        : offer.outcome;
  };
  const twice = { ...rootTwo, roles: { ...root.roles, trust: root.roles.policy } };
  return {
    name: "root",
    original,
    payload: parts[2] as Uint8Array,
    required: [1, 2, 4, 6, 10, 11],
    sign,
    read,
    special: [
      { bytes: signRoot({ ...rootTwo, version: 3 }, [keys.root]), expect: "ROOT_VERSION_SKIPPED" },
      { bytes: signRoot(twice, [keys.root]), expect: "KEY_REUSED" },
      { bytes: signRoot({ ...rootTwo, expiresAt: TEST_EPOCH - 1000 }, [keys.root]), expect: "OBJECT_EXPIRED" },
      { bytes: signRoot({ ...rootTwo, site: sha256(site) }, [keys.root]), expect: "OBJECT_WRONG_SITE" },
      {
        bytes: signRoot(
          {
            ...rootTwo,
            roles: { ...root.roles, root: { threshold: 2, keys: [keys.root.publicKey, stranger.publicKey] } },
          },
          [keys.root],
        ),
        expect: "THRESHOLD_NOT_MET",
      },
    ],
  };
}

/** The workflow around the objects: the same client is asked again and again, because a refusal changes nothing. */
export function workflowTarget(): Target {
  const base = object(
    "heartbeat by the client",
    heartbeat,
    keys.online,
    `${VENDOR}heartbeat`,
    [1, 2, 4, 5, 10],
    () => "",
    {},
  );
  let client = SITE.client();
  const read = (bytes: Uint8Array) => {
    const { outcome: said, detail } = client.offer("heartbeat", bytes, DAY_MS);
    if (said !== "accepted" && said !== "waiting") return said;
    client = SITE.client();
    return said === "accepted" ? "ACCEPTED" : (detail ?? "waiting");
  };
  const bare = { trust: SITE.first.trust, policy: SITE.first.policy };
  return {
    ...base,
    read,
    special: [
      { bytes: SITE.heartbeat(SITE.first, 2, Date.UTC(2036, 0, 1)), expect: "TIME_IMPLAUSIBLE" },
      { bytes: SITE.heartbeat(SITE.first, 2, TEST_EPOCH - DAY_MS), expect: "OBJECT_EXPIRED" },
      { bytes: SITE.heartbeat(SITE.first, 1, TEST_EPOCH + 5000), expect: "LIST_EQUIVOCATED" },
      { bytes: SITE.heartbeat({ policy: bare.policy }, 2, NOW), expect: "LIST_ROLLED_BACK" },
      {
        bytes: SITE.heartbeat({ ...SITE.first, policy: { version: 1, bytes: SITE.policy(2) } }, 2, NOW),
        expect: "LIST_EQUIVOCATED",
      },
    ],
  };
}
