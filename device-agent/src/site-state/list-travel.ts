import { type ListOpening, type OpenedList, type TrustCode, type Verdict, statusListOver } from "@badgekey/shared";

type Status = Extract<OpenedList, { kind: "status" }>;

/** An opened list as it travels between threads: functions cannot. */
export type TravellingList =
  | Exclude<OpenedList, { kind: "status" }>
  | { readonly kind: "status"; readonly issuer: string; readonly list: Omit<Status["list"], "list"> & Packed };

interface Packed {
  readonly packed: Uint8Array;
}

export interface OpeningOrder {
  readonly id: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly opening: ListOpening;
  /** Of a policy only this agent's machines are sent back. */
  readonly agent: string;
}

export interface OpeningReply {
  readonly id: number;
  readonly verdict: Verdict<TravellingList, TrustCode>;
}

/** What is sent back: as little as the agent needs, because taking it over costs the loop's thread. */
export function packed(verdict: Verdict<OpenedList, TrustCode>, agent: string): Verdict<TravellingList, TrustCode> {
  if (!verdict.ok) return verdict;
  const opened = verdict.value;
  switch (opened.kind) {
    case "trust":
    case "directory":
      return { ok: true, value: opened };
    case "policy": {
      const machines = new Map([...opened.list.machines].filter(([, machine]) => machine.agent === agent));
      return { ok: true, value: { kind: "policy", list: { ...opened.list, machines } } };
    }
    case "status": {
      const { list, ...token } = opened.list;
      return { ok: true, value: { ...opened, list: { ...token, packed: list.packed } } };
    }
  }
}

export function unpacked(verdict: Verdict<TravellingList, TrustCode>): Verdict<OpenedList, TrustCode> {
  if (!verdict.ok || verdict.value.kind !== "status") return verdict as Verdict<OpenedList, TrustCode>;
  const { packed: statuses, ...token } = verdict.value.list;
  return { ok: true, value: { ...verdict.value, list: { ...token, list: statusListOver(statuses, 2) } } };
}
