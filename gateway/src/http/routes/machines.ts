import {
  type Lockout,
  type MachineInput,
  machineChange,
  machineInput,
  machineView,
  outOfServiceInput,
  reasonInput,
} from "@badgekey/shared";
import { z } from "zod";
import type { Machine } from "../../machines/ports.js";
import { addMachine, changeMachine, release, takeOutOfService } from "../../machines/machines.js";
import { RefusedError } from "../../refused.js";
import { type GatewayApi, OPERATOR } from "../gateway-api.js";
import type { TypedRoutes } from "../server.js";
import { machineView as viewAt } from "../views.js";

const byId = z.object({ id: z.string().max(64) });
const shortRequires = machineInput.shape.requires.unwrap();

export function machineRoutes(routes: TypedRoutes, api: GatewayApi): void {
  const { store, clock } = api.machines;
  const view = (machine: Machine, lockout?: Lockout) => viewAt(machine, { lockout, now: clock() });

  routes.get("/machines", { schema: { response: { 200: z.array(machineView) } } }, async () => {
    const [machines, lockouts] = [await store.machines(), await store.lockouts()];
    return machines.map((machine) => view(machine, lockouts.get(machine.id)));
  });
  routes.post(
    "/machines",
    { schema: { body: machineInput, response: { 201: machineView } } },
    async ({ body }, reply) => {
      const machine = await addMachine(body, api.machines);
      await api.agents.reload();
      return reply.code(201).send(view(machine));
    },
  );
  routes.patch(
    "/machines/:id",
    { schema: { params: byId, body: machineChange, response: { 200: machineView } } },
    async ({ params, body }) => {
      const machine = await changeMachine(params.id, readChange(body), api.machines);
      await api.agents.reload();
      return view(machine, (await store.lockouts()).get(machine.id));
    },
  );
  routes.post(
    "/machines/:id/out-of-service",
    { schema: { params: byId, body: outOfServiceInput, response: { 200: machineView } } },
    async ({ params, body: { reason, when } }) => {
      const { lockout, ...machine } = await takeOutOfService(params.id, { reason, by: OPERATOR }, api.machines);
      // The policy says it for good; the command only makes it quicker, so an agent out of reach is no failure.
      await tell(machine.agent, { kind: "outOfService", machine: machine.id, when, reason, by: OPERATOR });
      return view(machine, lockout);
    },
  );
  routes.post(
    "/machines/:id/release",
    { schema: { params: byId, body: reasonInput, response: { 200: machineView } } },
    async ({ params, body: { reason } }) => {
      const machine = await release(
        params.id,
        { reason, by: OPERATOR, isBlockedThere: await isBlockedThere(params.id) },
        api.machines,
      );
      await tell(machine.agent, { kind: "release", machine: machine.id, by: OPERATOR });
      return view(machine);
    },
  );

  /** By the agent's own signed word. */
  async function isBlockedThere(id: string): Promise<boolean> {
    const machine = (await store.machines()).find((one) => one.id === id);
    const state = machine && api.agents.find(machine.agent)?.opened?.state;
    return state === "lockedOut" || state === "faulted";
  }

  async function tell(...[agent, action]: Parameters<GatewayApi["command"]>): Promise<void> {
    if (api.agents.isConnected(agent)) await api.command(agent, action);
  }
}

/** `agent` and the short form of `requires` stand beside the policy's members. */
function readChange(body: Record<string, unknown>) {
  const { agent, requires, ...policy } = body;
  if (agent !== undefined && !machineInput.shape.agent.safeParse(agent).success) {
    throw new RefusedError("REQUEST_INVALID", "agent: not an agent id");
  }
  const short = shortRequires.safeParse(requires);
  return {
    policy: { ...policy, ...(!short.success && requires !== undefined && { requires }) },
    ...(short.success && { requires: short.data satisfies MachineInput["requires"] }),
    ...(typeof agent === "string" && { agent }),
  };
}
