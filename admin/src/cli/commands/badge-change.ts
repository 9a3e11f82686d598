import type { ReceiptsView } from "@badgekey/shared";
import type { BadgeChange } from "../../api/index.js";
import { confirm } from "../confirm.js";
import { RefusedError } from "../io.js";
import type { CliSession } from "../session.js";
import { counted } from "../../words.js";
import { showBadge } from "./badge-view.js";

export interface ChangeOptions {
  readonly reason: string;
  readonly yes?: boolean;
  /** false: --no-wait; a number of seconds: --wait; true: as long as a person watches. */
  readonly wait: boolean | number;
}

const EVERY_MS = 300;
/** Without a person at the terminal a machine that is away must not hold a script for ever. */
const UNWATCHED_SECONDS = 30;

const done = { revoke: "withdrawn", suspend: "put on hold", reinstate: "reinstated" } as const;

/** Withdraws, holds or reinstates a badge, then tells live which machines know it. */
export async function changeBadge(
  session: CliSession,
  change: BadgeChange,
  id: string,
  options: ChangeOptions,
): Promise<void> {
  const { io, out } = session;
  const api = await session.api();
  if (change === "revoke") {
    const badge = await api.badge(id);
    const sure = await confirm(io, `Withdraw the badge of ${badge.personName} for good?`, options.yes);
    if (!sure) throw new RefusedError("nothing was changed");
  }
  const changed = await api.changeBadge(id, change, options.reason);
  if (!out.json) out.say(`${done[change]}: ${changed.badge.personName}`);
  const seconds = typeof options.wait === "number" ? options.wait : io.interactive ? Infinity : UNWATCHED_SECONDS;
  const until = options.wait === false ? 0 : io.now() + seconds * 1000;
  let receipts = changed.receipts;
  while (receipts.missing.length > 0 && io.now() < until) {
    out.progress(seenBy(session, receipts));
    await io.sleep(EVERY_MS);
    receipts = await api.receipts(id);
  }
  out.settle(seenBy(session, receipts));
  showBadge(out, changed.badge, { ...changed, receipts });
}

/** "seen by 2 of 3 machine controllers; saw-1 without contact since 14:02" */
function seenBy({ out }: CliSession, { seenBy, missing }: ReceiptsView): string {
  const all = seenBy.length + missing.length;
  if (all === 0) return "no machine controller is enrolled yet";
  const known = `seen by ${seenBy.length} of ${counted(all, "machine controller")}`;
  const rest = missing.map(({ agent, lastSeenAt }) =>
    lastSeenAt === null ? `${agent} never seen` : `${agent} last seen ${out.when(lastSeenAt)}`,
  );
  return rest.length === 0 ? known : `${known}; missing: ${rest.join(", ")}`;
}
