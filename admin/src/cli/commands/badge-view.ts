import type { BadgeView } from "@badgekey/shared";
import type { Column, Output } from "../output.js";
import { badgeStateWords, levelWord } from "../../words.js";

export function badgeColumns(out: Output): readonly Column<BadgeView>[] {
  return [
    { head: "id", cell: ({ id }) => id },
    { head: "person", cell: ({ personName }) => personName },
    {
      head: "trainings",
      cell: (badge) => badge.grants.map(({ training, level }) => `${training} ${levelWord(level)}`).join(", "),
    },
    { head: "ends", cell: ({ expiresAt }) => out.day(expiresAt) },
    { head: "card", cell: ({ cardUid }) => (cardUid === null ? "" : `…${cardUid.slice(-4)}`) },
    { head: "state", cell: ({ state }) => stateText(out, state) },
  ];
}

export function showBadge(out: Output, badge: BadgeView, value: unknown = badge): void {
  out.facts(value, [
    ["badge", badge.id],
    ["person", badge.personName],
    ["state", stateText(out, badge.state)],
    ["reason", badge.reason],
    ["trainings", badge.grants.map((grant) => grantText(out, grant)).join("\n")],
    ["issued", out.when(badge.issuedAt)],
    ["ends", out.when(badge.expiresAt)],
    ["card", badge.cardUid],
    ["shown as", badge.pseudonym],
    ["bytes", badge.bytes],
  ]);
}

export function grantText(out: Output, { training, level, endsAt }: BadgeView["grants"][number]): string {
  return `${training}: ${levelWord(level)} until ${out.day(endsAt)}`;
}

function stateText({ paint }: Output, state: BadgeView["state"]): string {
  const word = badgeStateWords[state];
  if (state === "valid") return paint.green(word);
  return state === "revoked" || state === "expired" ? paint.red(word) : paint.yellow(word);
}
