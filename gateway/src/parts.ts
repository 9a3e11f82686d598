import { type CommandAction, type Instant, agentTopic, objectTopic } from "@badgekey/shared";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { TrafficDeps } from "./agent-traffic.js";
import { handleCommitted } from "./agent-traffic.js";
import { CardJobs } from "./commands/card-jobs.js";
import { sendCommand } from "./commands/commander.js";
import type { GatewayConfig } from "./config.js";
import type { SiteCa } from "./enrolment/site-ca.js";
import type { GatewayApi } from "./http/gateway-api.js";
import { LiveEvents } from "./http/live-events.js";
import { agentView, jobView } from "./http/views.js";
import { bindToCard, requireWritable } from "./issuing/issue-badge.js";
import { StatusBits } from "./issuing/status-bits.js";
import { Agents } from "./machines/agents.js";
import { findTraining } from "./people/trainings.js";
import { ownStatusName } from "./site-state/lists.js";
import { Publisher } from "./site-state/publisher.js";
import { type Site, openSite } from "./site-state/site.js";
import { type Database, openDatabase } from "./store/database.js";
import type { StoreChannel } from "./store/store-channel.js";
import { storesOver } from "./store/stores.js";
import { Acknowledger } from "./usage/acknowledger.js";
import { Ingest } from "./usage/ingest.js";
import { LiveLog } from "./usage/live-log.js";

export interface PartsDeps {
  readonly config: GatewayConfig;
  readonly ca: SiteCa;
  readonly openChannel: (path: string) => Promise<StoreChannel>;
  readonly clock: () => Instant;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly version: string;
  /** Hands bytes to the broker; before it listens and after it has closed, to nobody. */
  readonly send: (topic: string, payload: Uint8Array, retain: boolean) => void;
  /** Ends an agent's connection. */
  readonly disconnect: (agent: string) => void;
  /** The port agents are told, and the API's address for invites. */
  readonly brokerAddress: () => { readonly host: string; readonly port: number };
  readonly inviteUrl: () => string;
  readonly serverCertificateEndsAt: () => Instant;
}

export interface Parts {
  readonly site: Site;
  readonly database: Database;
  readonly publisher: Publisher;
  readonly agents: Agents;
  readonly jobs: CardJobs;
  readonly ingest: Ingest;
  readonly acknowledger: Acknowledger;
  readonly traffic: TrafficDeps;
  readonly api: GatewayApi;
}

/** Opens site and database and joins the use cases: who calls whom stands here and nowhere else. */
export async function openParts(deps: PartsDeps): Promise<Parts> {
  const { config, clock, nowMs, log, send, version } = deps;
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const site = openSite(config.dataDir, clock());
  const database = await openDatabase(await deps.openChannel(join(config.dataDir, "gateway.db")));
  const stores = storesOver(database.sql);
  const events = new LiveEvents();
  const issuer = site.keys.issuer;

  const bits = await StatusBits.load(stores.badges, Buffer.from(issuer.keyId).toString("hex"));
  const publisher = await Publisher.open({
    site,
    siteName: config.siteName,
    timeZone: config.timeZone,
    content: {
      trainings: async () => new Map((await stores.people.trainings()).map((training) => [training.number, training])),
      machines: async () => {
        const keys = new Map(agents.all().map(({ id, key }) => [id, key]));
        const machines = await stores.machines.machines();
        return new Map(
          machines.map(({ id, agent, policy }) => {
            const agentKey = keys.get(agent);
            return [id, { agent, policy, ...(agentKey && { agentKey }) }];
          }),
        );
      },
      lockouts: () => stores.machines.lockouts(),
      statuses: () => bits.snapshot(),
    },
    store: stores.objects,
    send: (name, bytes) => {
      send(objectTopic(site.id, name), bytes, true);
    },
    clock,
  });
  const agents = await Agents.open({
    site: site.id,
    store: stores.machines,
    clock,
    announce: (agent) => {
      if (events.listeners === 0) return;
      stores.machines.machines().then(
        (machines) => {
          events.announce({ kind: "agent", agent: agentView(agent, machines) });
        },
        (error: unknown) => {
          log.error({ err: error }, "an agent's news could not be told");
        },
      );
    },
  });

  const issuing = { store: stores.badges, issuer, clock };
  const command = (agent: string, action: CommandAction): Promise<number> =>
    sendCommand(agent, action, {
      site: site.id,
      signer: site.keys.command,
      store: stores.commands,
      isConnected: (id) => agents.isConnected(id),
      send: (id, bytes) => {
        send(agentTopic(site.id, id, "command"), bytes, false);
      },
      clock,
    });
  const jobs = new CardJobs({
    store: stores.commands,
    send: command,
    badgeFor: async (badge, cardUid) => (await bindToCard(badge, cardUid, issuing)).bytes,
    signedBadge: async (id) => {
      const { bytes, cardUid } = await requireWritable(id, issuing);
      return bytes ? { bytes, cardUid } : undefined;
    },
    announce: (job) => {
      events.announce({ kind: "job", job: jobView(job) });
    },
    clock,
  });

  const journal = await database.openUsageJournal(site.id);
  const acknowledger = new Acknowledger({
    site: site.id,
    signer: site.keys.online,
    send: (agent, bytes) => {
      send(agentTopic(site.id, agent, "acknowledgement"), bytes, false);
    },
    nowMs,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => {
        clearTimeout(timer);
      };
    },
  });
  const liveLog = new LiveLog({
    isWatched: () => events.listeners > 0,
    announce: (row) => {
      events.announce({ kind: "usage", row });
    },
    nameOf: (pseudonym) => stores.log.personOf(pseudonym),
  });
  const ingest = new Ingest({
    journal,
    clock,
    mostRows: () => liveLog.room,
    onCommitted: (batch) => {
      handleCommitted(batch, traffic);
    },
  });
  const traffic: TrafficDeps = {
    site: site.id,
    agents,
    ingest,
    journal,
    acknowledger,
    publisher,
    jobs,
    liveLog,
    send: (topic, payload) => {
      send(topic, payload, false);
    },
    clock,
    log,
  };

  const publishPolicy = (): Promise<unknown> => publisher.publish(["policy"]);
  const api: GatewayApi = {
    site,
    siteName: config.siteName,
    version,
    clock,
    people: { store: stores.people, clock },
    trainings: { store: stores.people, publish: () => publisher.publish(["trust", "policy"]) },
    machines: {
      store: stores.machines,
      trainingNumber: async (wanted) => findTraining(await stores.people.trainings(), wanted).number,
      publish: publishPolicy,
      clock,
    },
    issuing,
    changes: {
      store: stores.badges,
      bits,
      publishStatus: async () => (await publisher.publish(["status"])).versions.get(ownStatusName(site)) ?? 0,
      clock,
    },
    jobs,
    command,
    agents,
    findings: stores.machines,
    enrolment: { store: stores.enrolment, ca: deps.ca, site: site.id, url: deps.inviteUrl, clock },
    enrolled: async (agent) => {
      await agents.reload();
      // Whoever is connected under this name has the certificate that has just been replaced.
      deps.disconnect(agent);
      await publishPolicy();
    },
    broker: deps.brokerAddress,
    log: stores.log,
    publisher,
    events,
    deadlines: () => [
      { what: "site's root key list", at: site.root.expiresAt },
      { what: "server certificate", at: deps.serverCertificateEndsAt() },
      ...publisher.objects().map(({ name, expiresAt }) => ({ what: `signed list: ${name}`, at: expiresAt })),
      ...agents.all().flatMap(({ id, certificateEndsAt }) => {
        return certificateEndsAt === null ? [] : [{ what: `certificate of ${id}`, at: certificateEndsAt }];
      }),
    ],
  };
  if (bits.isStale) await publisher.publish(["status"]);
  else await publisher.publish();
  return { site, database, publisher, agents, jobs, ingest, acknowledger, traffic, api };
}
