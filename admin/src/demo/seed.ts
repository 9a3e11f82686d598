import { type BadgeView, type Instant, type Level, type Signer, fromHex, toHex } from "@badgekey/shared";
import { type DemoCard, type CardKind, blankCard, CardBox, copyOf, ntagWithBadge, randomUid } from "./card-box.js";
import { writeCardAt } from "./card-job.js";
import { byUnknownIssuer, expired, withGrantEnded, withOneByteChanged } from "./forge.js";
import { machinePlans, trainingPlans } from "./machines.js";
import { levelWord } from "../words.js";
import type { DemoSite } from "./site.js";

interface PersonPlan {
  readonly card: string;
  readonly name: string;
  readonly grants: readonly (readonly [training: string, level: Level])[];
  readonly note: string;
  /** The machine whose reader writes the card. */
  readonly at: string;
}

const people: readonly PersonPlan[] = [
  { card: "amara", name: "Amara Okafor", grants: [["laser", 2], ["printing", 2]], note: "", at: "laser-1" }, // prettier-ignore
  {
    card: "linh",
    name: "Linh Tran",
    grants: [
      ["saw", 2],
      ["laser", 2],
    ],
    note: "",
    at: "saw-1",
  },
  { card: "mateo", name: "Mateo Rivera", grants: [["printing", 2]], note: "", at: "printer-1" },
  {
    card: "samira",
    name: "Samira Haddad",
    grants: [
      ["laser", 3],
      ["printing", 3],
      ["saw", 3],
    ],
    note: "trainer at every machine",
    at: "saw-1",
  },
  {
    card: "priya",
    name: "Priya Raman",
    grants: [
      ["laser", 1],
      ["electronics", 2],
    ],
    note: "trainee at the laser: not alone",
    at: "printer-1",
  },
];

const CONTACT_MS = 60_000;

/** Trainings, machines and their agents: what a site has before the first person comes. */
export async function setUpMachines(site: DemoSite, progress: (text: string) => void): Promise<void> {
  progress("adding trainings and machines");
  for (const training of trainingPlans) await site.api.addTraining(training);
  for (const { id, name, preset, training, policy } of machinePlans) {
    await site.api.addMachine({ id, name, preset, policy: { ...policy }, requires: [{ training, level: 2 }] });
  }
  for (const { id } of machinePlans) {
    progress(`enrolling ${id} with a one-time invite`);
    await site.enrol(id);
  }
}

/**
 * Resolves when every agent is connected, has confirmed time and its lists, and has reported so after `since` (ms): an
 * agent that has only just connected may not hear commands yet.
 */
export async function untilAgentsReady(site: DemoSite, ids: readonly string[], since: Instant): Promise<void> {
  await site.changes.until(`contact of ${ids.join(", ")}`, CONTACT_MS, () => {
    const ready = ids.every((id) => {
      const { connected = false, report } = site.live.agents.get(id) ?? {};
      return connected && report?.clock === "synced" && "policy" in report.applied && Date.parse(report.at) >= since;
    });
    return ready || undefined;
  });
}

/** People with their badges on cards, and the cards a machine must refuse. */
export async function setUpCards(
  site: DemoSite,
  box: CardBox,
  issuer: Signer,
  progress: (text: string) => void,
): Promise<void> {
  const written = new Map<string, { badge: BadgeView; card: DemoCard }>();
  for (const plan of people) {
    progress(`writing the card of ${plan.name} at ${plan.at}`);
    const person = await site.api.addPerson({ name: plan.name });
    const issued = await site.api.issueBadge({
      person: person.id,
      grants: plan.grants.map(([training, level]) => ({ training, level })),
    });
    const card = blankCard();
    const badge = await writeCardAt(site, plan.at, issued, card);
    const onCard = { ...face(badge), id: plan.card, kind: "person" as const, note: plan.note, card };
    written.set(plan.card, { badge, card: onCard });
    await box.put(onCard);
  }

  const amara = written.get("amara");
  if (!amara) throw new TypeError("the first person has a card");
  progress("preparing the cards that machines refuse");
  await box.put({
    ...amara.card,
    id: "copied",
    kind: "copied",
    note: "all bytes of Amara’s card, on another card",
    card: copyOf(amara.card.card),
  });
  await box.put({
    ...amara.card,
    id: "edited",
    kind: "edited",
    note: "one byte changed: user made steward",
    card: ntagWithBadge("NTAG215", amara.card.card.uid, withOneByteChanged(bytesOf(amara.badge))),
  });
  await putSigned(
    site,
    box,
    { id: "ended", kind: "ended", name: "Jonas Berg", trainings: ["laser", "printing"] },
    (badge) => withGrantEnded(badge, 1, 200, issuer),
  );
  await putSigned(site, box, { id: "expired", kind: "expired", name: "Tomás Silva", trainings: ["laser"] }, (badge) =>
    expired(badge, issuer),
  );
  await putSigned(
    site,
    box,
    { id: "foreign", kind: "foreign", name: "Noor Rahimi", trainings: ["laser"] },
    byUnknownIssuer,
  );
  await box.put({
    id: "blank",
    kind: "blank",
    name: "",
    trainings: [],
    note: "write a new badge to it",
    badge: null,
    card: blankCard(),
  });
}

const notes: Readonly<Partial<Record<CardKind, string>>> = {
  ended: "laser training ended, 3D printing goes on",
  expired: "all trainings on it have ended",
  foreign: "issued by a makerspace nobody here knows",
};

/** A card whose badge the gateway issued and the demo signed again, differently. */
export async function putSigned(
  site: DemoSite,
  box: CardBox,
  plan: { id: string; kind: CardKind; name: string; trainings: readonly string[] },
  change: (badge: Uint8Array) => Uint8Array,
): Promise<DemoCard> {
  const person = await site.api.addPerson({ name: plan.name });
  const uid = randomUid();
  const badge = await site.api.issueBadge({
    person: person.id,
    grants: plan.trainings.map((training) => ({ training })),
    cardUid: toHex(uid),
  });
  const card: DemoCard = {
    ...face(badge),
    id: plan.id,
    kind: plan.kind,
    note: notes[plan.kind] ?? "",
    card: ntagWithBadge("NTAG215", uid, change(bytesOf(badge))),
  };
  await box.put(card);
  return card;
}

/** What is printed on a card: the person and their trainings in people's words. */
export function face(badge: BadgeView): Pick<DemoCard, "name" | "trainings" | "badge"> {
  return {
    name: badge.personName,
    trainings: badge.grants.map(({ training, level }) => {
      const name = trainingPlans.find(({ slug }) => slug === training)?.name ?? training;
      return level === 2 ? name : `${name} (${levelWord(level)})`;
    }),
    badge: badge.id,
  };
}

export function bytesOf(badge: BadgeView): Uint8Array {
  if (badge.bytes === null) throw new TypeError(`badge ${badge.id} is not signed yet`);
  return fromHex(badge.bytes);
}
