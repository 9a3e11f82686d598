import {
  type Instant,
  type Lockout,
  type MachineInput,
  type MachinePolicy,
  machinePolicySchema,
  policyProblems,
  presets,
} from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import { mergePolicy } from "./merge-policy.js";
import type { AgentStore, Machine, MachineStore } from "./ports.js";

export interface MachinesDeps {
  readonly store: MachineStore & AgentStore;
  /** The site's number of a training given by slug or number; refuses with NOT_FOUND. */
  readonly trainingNumber: (slugOrNumber: string | number) => Promise<number>;
  readonly publish: () => Promise<unknown>;
  readonly clock: () => Instant;
}

type Requirements = NonNullable<MachineInput["requires"]>;

/**
 * Adds a machine from a preset and what is laid over it. Refused: ALREADY_EXISTS, REQUEST_INVALID, NOT_FOUND
 * (training).
 */
export async function addMachine(input: MachineInput, deps: MachinesDeps): Promise<Machine> {
  const { id, agent = id, preset, name, policy = {}, requires } = input;
  const base = preset ? { ...presets[preset], preset } : {};
  const merged = mergePolicy(mergePolicy({ name }, base), { ...policy, name });
  const machine = { id, agent, policy: await readPolicy(merged, requires, deps) };
  await deps.store.addAgent(agent);
  if (!(await deps.store.addMachine(machine, deps.clock()))) {
    throw new RefusedError("ALREADY_EXISTS", `there is a machine ${id} already`, {
      hint: "change it, or choose another id",
    });
  }
  await deps.publish();
  return machine;
}

/**
 * Lays changes over a machine's policy; a member given as null returns to its default. Refused: NOT_FOUND,
 * REQUEST_INVALID.
 */
export async function changeMachine(
  id: string,
  change: {
    readonly policy?: Readonly<Record<string, unknown>>;
    readonly requires?: Requirements;
    readonly agent?: string;
    readonly name?: string;
  },
  deps: MachinesDeps,
): Promise<Machine> {
  const machine = await requireMachine(id, deps.store);
  const laid = { ...change.policy, ...(change.name !== undefined && { name: change.name }) };
  const merged = mergePolicy(machine.policy, laid);
  const agent = change.agent ?? machine.agent;
  const changed = { id, agent, policy: await readPolicy(merged, change.requires, deps) };
  await deps.store.addAgent(agent);
  await deps.store.saveMachine(changed);
  await deps.publish();
  return changed;
}

/** Refused: NOT_FOUND. */
export async function requireMachine(id: string, store: MachineStore): Promise<Machine> {
  const machines = await store.machines();
  const machine = machines.find((one) => one.id === id);
  if (machine) return machine;
  throw new RefusedError("NOT_FOUND", `there is no machine ${id}`, {
    hint: machines.length > 0 ? `known machines: ${machines.map((one) => one.id).join(", ")}` : "add one first",
  });
}

/**
 * Takes a machine out of service: state in the policy until released. Refused: NOT_FOUND, CONFLICT where it is already.
 */
export async function takeOutOfService(
  id: string,
  { reason, by }: { readonly reason: string; readonly by: string },
  { store, publish, clock }: MachinesDeps,
): Promise<Machine & { readonly lockout: Lockout }> {
  const machine = await requireMachine(id, store);
  if ((await store.lockouts()).has(id)) {
    throw new RefusedError("CONFLICT", `machine ${id} is out of service already`, { hint: "release it first" });
  }
  const lockout = { reason, by, at: clock() };
  await store.setLockout(id, lockout);
  await publish();
  return { ...machine, lockout };
}

/**
 * Puts a machine back into service. Refused: NOT_FOUND, CONFLICT where it is in service, unless `isBlockedThere`: a
 * problem reported at the machine, or a fault that waits for staff, is known to its agent alone.
 */
export async function release(
  id: string,
  { reason, by, isBlockedThere }: { readonly reason: string; readonly by: string; readonly isBlockedThere: boolean },
  { store, publish, clock }: MachinesDeps,
): Promise<Machine> {
  const machine = await requireMachine(id, store);
  if (!(await store.clearLockout(id, by, reason, clock()))) {
    if (isBlockedThere) return machine;
    throw new RefusedError("CONFLICT", `machine ${id} is not out of service`);
  }
  await publish();
  return machine;
}

async function readPolicy(
  merged: Record<string, unknown>,
  requires: Requirements | undefined,
  deps: MachinesDeps,
): Promise<MachinePolicy> {
  const alternatives = requires && requires.length > 0 ? [requires] : (requires ?? merged.requires);
  const parsed = machinePolicySchema.safeParse({
    ...merged,
    ...(alternatives !== undefined && { requires: await numbered(alternatives, deps) }),
  });
  if (parsed.success) return withoutContradiction(parsed.data, deps.clock());
  const issue = parsed.error.issues[0];
  const where = ["policy", ...(issue?.path ?? [])].join(".");
  throw new RefusedError("REQUEST_INVALID", `${where}: ${issue?.message ?? "not a machine's policy"}`, {
    hint: "the members and their defaults are listed in SPEC 4.6",
  });
}

/** A policy that contradicts itself is not signed: its agent could only refuse everybody. */
function withoutContradiction(policy: MachinePolicy, now: Instant): MachinePolicy {
  const [first, ...more] = policyProblems(policy, now).filter(({ severity }) => severity === "error");
  if (!first) return policy;
  const others = more.map(({ path, message }) => `policy.${path}: ${message}`).join("; ");
  throw new RefusedError("REQUEST_INVALID", `policy.${first.path}: ${first.message}`, {
    hint: others === "" ? "change it, or leave it out for the default" : `also: ${others}`,
  });
}

/** Slugs become numbers; what is no list of requirements is left for the schema to refuse. */
async function numbered(alternatives: unknown, { trainingNumber }: MachinesDeps): Promise<unknown> {
  if (!Array.isArray(alternatives)) return alternatives;
  const resolve = async (requirement: unknown): Promise<unknown> => {
    if (typeof requirement !== "object" || requirement === null || !("training" in requirement)) return requirement;
    const { training } = requirement;
    if (typeof training !== "string" && typeof training !== "number") return requirement;
    return { ...requirement, training: await trainingNumber(training) };
  };
  return Promise.all(
    alternatives.map((all: unknown) => (Array.isArray(all) ? Promise.all(all.map(resolve)) : Promise.resolve(all))),
  );
}
