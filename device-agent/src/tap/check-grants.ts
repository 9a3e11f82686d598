import type { Instant, Level, MachinePolicy, SiteGrant, SiteState, VerifiedBadge } from "@badgekey/shared";
import type { Missing } from "./tap-verdict.js";

export interface GrantsQuestion {
  readonly badge: VerifiedBadge;
  readonly policy: MachinePolicy;
  readonly site: SiteState;
  readonly now: Instant;
}

interface GrantsAnswer {
  /** The grants used, if nothing is missing. */
  readonly grants: readonly SiteGrant[];
  readonly missing: readonly Missing[];
}

type Requirement = MachinePolicy["requires"][number][number];

/** Whoever trains others needs no supervision. */
const TRAINER: Level = 3;

/**
 * `requires` is a list of alternatives, each a list of grants that must all be held. The first alternative that is met
 * counts; if none is, the one that lacks least is told.
 */
export function checkGrants(question: GrantsQuestion): GrantsAnswer {
  const { requires } = question.policy;
  const answers = (requires.length > 0 ? requires : [[]]).map((alternative) => checkAlternative(alternative, question));
  return answers.reduce((best, next) => (next.missing.length < best.missing.length ? next : best));
}

function checkAlternative(alternative: readonly Requirement[], question: GrantsQuestion): GrantsAnswer {
  const checked = alternative.map((requirement) => checkRequirement(requirement, question));
  const grants = checked.flatMap(({ grant }) => (grant ? [grant] : []));
  const missing = checked.flatMap(({ missing }) => (missing ? [missing] : []));
  // Where supervision is required, nobody below a trainer is alone at the machine.
  const alone = question.policy.supervision.mode === "required" && !grants.some(({ level }) => level >= TRAINER);
  if (missing.length === 0 && alone) return { grants: [], missing: [{ code: "SUPERVISION_REQUIRED" }] };
  return { grants, missing };
}

function checkRequirement(
  { training, level }: Requirement,
  { badge, policy, site, now }: GrantsQuestion,
): { readonly grant?: SiteGrant; readonly missing?: Missing } {
  // Two of the issuer's trainings may stand for one of this site's: each grant that is left counts.
  const held = badge.grants.filter((grant) => grant.training === training);
  const live = held.filter(({ endsAt }) => now < endsAt);
  const enough = live.filter((grant) => grant.level >= level).sort((a, b) => b.level - a.level || b.endsAt - a.endsAt);
  if (enough[0]) return { grant: enough[0] };
  const known = site.policy?.trainings.get(training);
  const asked = {
    training: { number: training, name: known?.name ?? `training ${training}`, url: known?.url ?? "" },
    level,
  };
  const endedAt = latestEnd(held.filter((grant) => now >= grant.endsAt && (grant.level >= level || live.length === 0)));
  if (endedAt !== undefined) return { missing: { code: "TRAINING_ENDED", ...asked, endedAt } };
  if (live.length === 0) return { missing: { code: "TRAINING_MISSING", ...asked } };
  const supervisable = level === 2 && policy.supervision.mode !== "none";
  return { missing: { code: supervisable ? "SUPERVISION_REQUIRED" : "LEVEL_TOO_LOW", ...asked } };
}

function latestEnd(grants: readonly SiteGrant[]): Instant | undefined {
  return grants.length === 0 ? undefined : Math.max(...grants.map(({ endsAt }) => endsAt));
}
