import type { Instant, Level, MachinePolicy, SiteGrant, SiteState, VerifiedBadge } from "@badgekey/shared";
import type { Missing } from "./tap-verdict.js";

export interface GrantsQuestion {
  readonly badge: VerifiedBadge;
  readonly policy: MachinePolicy;
  readonly site: SiteState;
  readonly now: Instant;
}

export interface GrantsAnswer {
  /** The grants used: one for each training required. */
  readonly grants: readonly SiteGrant[];
  readonly missing: readonly Missing[];
  /**
   * The training required that a trainee's grant has to be supervised for; absent where supervision is needed anyhow.
   */
  readonly supervised?: Missing | undefined;
  readonly needsSupervision: boolean;
  /** Trainer, or steward, in everything that one alternative requires. */
  readonly maySupervise: boolean;
  readonly isSteward: boolean;
}

type Requirement = MachinePolicy["requires"][number][number];

/** Whoever trains others needs no supervision, and may give it. */
const TRAINER: Level = 3;
const STEWARD: Level = 4;
/** A trainee's grant, and the one for which supervision makes up. */
const TRAINEE: Level = 1;
const USER: Level = 2;

/**
 * `requires` is a list of alternatives, each a list of grants that must all be held. The first alternative that is met
 * without supervision counts, then the first that is met with it; if none is, the one that lacks least is told.
 */
export function checkGrants(question: GrantsQuestion): GrantsAnswer {
  const { requires } = question.policy;
  const answers = (requires.length > 0 ? requires : [[]]).map((alternative) => checkAlternative(alternative, question));
  const best = answers.reduce((one, next) => (lackOf(next) < lackOf(one) ? next : one));
  return {
    ...best,
    maySupervise: answers.some(({ maySupervise }) => maySupervise),
    isSteward: answers.some(({ isSteward }) => isSteward),
  };
}

/** Supervision is less than anything missing. */
function lackOf({ missing, needsSupervision }: GrantsAnswer): number {
  return missing.length + (needsSupervision ? 0.5 : 0);
}

function checkAlternative(alternative: readonly Requirement[], question: GrantsQuestion): GrantsAnswer {
  const checked = alternative.map((requirement) => checkRequirement(requirement, question));
  const grants = checked.flatMap(({ grant }) => (grant ? [grant] : []));
  const missing = checked.flatMap(({ missing }) => (missing ? [missing] : []));
  const supervised = checked.find(({ supervised }) => supervised)?.supervised;
  // Nothing required is nobody's training: it makes no stewards.
  const isAll = (level: Level): boolean =>
    alternative.length > 0 && missing.length === 0 && grants.every((grant) => grant.level >= level);
  const maySupervise = isAll(TRAINER);
  // Where supervision is required, nobody below a trainer is alone at the machine.
  const alone = question.policy.supervision.mode === "required" && !maySupervise;
  const needsSupervision = supervised !== undefined || alone;
  return { grants, missing, supervised, needsSupervision, maySupervise, isSteward: isAll(STEWARD) };
}

interface Checked {
  readonly grant?: SiteGrant;
  readonly missing?: Missing;
  readonly supervised?: Missing;
}

function checkRequirement({ training, level }: Requirement, { badge, policy, site, now }: GrantsQuestion): Checked {
  // Two of the issuer's trainings may stand for one of this site's: each grant that is left counts.
  const held = badge.grants.filter((grant) => grant.training === training);
  const live = held.filter(({ endsAt }) => now < endsAt).sort((a, b) => b.level - a.level || b.endsAt - a.endsAt);
  const [best] = live;
  if (best && best.level >= level) return { grant: best };
  const known = site.policy?.trainings.get(training);
  const asked = {
    training: { number: training, name: known?.name ?? `training ${training}`, url: known?.url ?? "" },
    level,
  };
  const isSupervisable = level === USER && best?.level === TRAINEE && policy.supervision.mode !== "none";
  if (isSupervisable) return { grant: best, supervised: { code: "SUPERVISION_REQUIRED", ...asked } };
  const ended = held.filter((grant) => now >= grant.endsAt && (grant.level >= level || live.length === 0));
  if (ended.length > 0) {
    return { missing: { code: "TRAINING_ENDED", ...asked, endedAt: Math.max(...ended.map(({ endsAt }) => endsAt)) } };
  }
  return { missing: { code: live.length === 0 ? "TRAINING_MISSING" : "LEVEL_TOO_LOW", ...asked } };
}
