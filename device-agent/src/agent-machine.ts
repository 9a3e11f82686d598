import { type MachinePolicy, type SiteState, machinePolicySchema } from "@badgekey/shared";

/** The machine an agent guards, as the policy in force says. */
export interface GuardedMachine {
  readonly id: string;
  /** Absent where no policy for it has arrived, or this program does not know all of its members. */
  readonly policy?: MachinePolicy;
}

/** One agent guards one machine: the one of its own name if there are, against the rule, several. */
export function guardedMachine(site: SiteState, agent: string): GuardedMachine {
  const guarded = [...(site.policy?.machines ?? [])].filter(([, machine]) => machine.agent === agent);
  const [id, entry] = guarded.find(([name]) => name === agent) ?? guarded[0] ?? [agent, undefined];
  return { id, ...(entry && entry.policy !== "unreadable" && { policy: entry.policy }) };
}

/** What holds for a machine whose policy was never known: nothing can start there, since every tap is refused. */
export function defaultPolicy(id: string): MachinePolicy {
  return machinePolicySchema.parse({ name: id });
}
