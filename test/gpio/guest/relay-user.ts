import { appendFileSync } from "node:fs";
import type * as agentPackage from "@badgekey/device-agent";
import type { MachinePolicy } from "@badgekey/shared";

/**
 * A stand-in for the agent with nothing but its relay: renews a permit every 100 ms while it is told to. Its argument
 * is a `UserSetup` as JSON; it obeys words on standard input and tells on standard output what it sees, a JSON line
 * each. Under a service manager it keeps for lines-off what it uses, as the agent does.
 */
export interface UserSetup {
  readonly relay: agentPackage.RelayConfig;
  readonly wiring: MachinePolicy["wiring"];
  /** From the first moment, without a word. */
  readonly renews?: boolean;
}

export type UserTold =
  | { readonly kind: "ready"; readonly holder: number | undefined; readonly driver: string | undefined }
  | { readonly kind: "permitted"; readonly holder: number | undefined }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "fault"; readonly reason: string }
  | { readonly kind: "input"; readonly input: string; readonly active: boolean | "lost" };

interface Remembering {
  rememberLines(folders: readonly string[], lines: unknown): Promise<void>;
}

const runtimeDir = process.env["RUNTIME_DIRECTORY"];
const RENEW_EVERY_MS = 100;
const PERMIT_MS = 500;

const tell = (told: UserTold): void => void process.stdout.write(`${JSON.stringify(told)}\n`);
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The lines alone: the package's one entry loads the whole agent, which takes many seconds in an emulated machine. */
const built = new URL("../../../../device-agent/dist/", import.meta.url);
const { openLines } = (await import(new URL("hardware/open-lines.js", built).href)) as typeof agentPackage;
const { systemClock } = (await import(new URL("system-clock.js", built).href)) as typeof agentPackage;

const { rememberLines } = (await import(new URL("hardware/remembered-lines.js", built).href)) as Remembering;

const setup = JSON.parse(process.argv[2] ?? "") as UserSetup;
const { relay, inputs } = await openLines(setup.relay, setup.wiring, {
  scheduler: systemClock(),
  onLines: (lines) => rememberLines(runtimeDir === undefined ? [] : [runtimeDir], lines),
});
relay.watch((reason) => tell({ kind: "fault", reason }));
inputs.start((report) =>
  tell({ kind: "input", input: report.input, active: report.kind === "changed" ? report.active : "lost" }),
);

const IN_USE = { relay: "closed", runOn: true, stop: false } as const;
/** As after a use whose machine was asked to stop. */
const RUNNING_ON = { relay: "open", runOn: true, stop: true } as const;
let wanted: agentPackage.Permit = IN_USE;
let renewal: NodeJS.Timeout | undefined;
const renew = (): void => {
  relay.permit(PERMIT_MS, wanted).then(
    () => tell({ kind: "permitted", holder: relay.holderPid }),
    (error: unknown) => tell({ kind: "refused", reason: reasonOf(error) }),
  );
};
const start = (): void => void (renewal ??= setInterval(renew, RENEW_EVERY_MS));
const rest = (): void => {
  clearInterval(renewal);
  renewal = undefined;
};

process.stdin.setEncoding("utf8").on("data", (text: string) => {
  for (const word of text.split("\n")) {
    switch (word) {
      case "renew":
        wanted = IN_USE;
        start();
        break;
      case "runOn":
        wanted = RUNNING_ON;
        start();
        break;
      case "rest":
        rest();
        relay.open().catch((error: unknown) => tell({ kind: "refused", reason: reasonOf(error) }));
        break;
      case "throw":
        setImmediate(() => {
          // At its own instant: the word may have waited long for this process.
          appendFileSync("/sys/kernel/tracing/trace_marker", "defect");
          throw new Error("a defect that nobody expected");
        });
        break;
      default:
        break;
    }
  }
});
process.on("SIGTERM", () => {
  rest();
  void relay.close().then(() => process.exit(0));
});
if (setup.renews) start();
tell({ kind: "ready", holder: relay.holderPid, driver: relay.driver });
