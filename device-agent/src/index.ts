export { JournalError, type JournalOptions, openJournal, type SalvageReport } from "./journal/journal.js";
export { JournalStore } from "./journal/journal-store.js";
export { JournalWriter } from "./agent-journal.js";
export { checkPin, type PinVerdict } from "./hardware/gpio-pins.js";
export { findGpioBase } from "./hardware/gpio-base.js";
export { type MachineLines, openLines, type OpenLinesOptions } from "./hardware/open-lines.js";
export { linesOf, type LinesVerdict, type RelayConfig } from "./hardware/lines-of.js";
export type { HolderRelay } from "./hardware/relay-holder.js";
export { DriverMissingError, type LinesConfig } from "./hardware/line.js";
export { rememberLines } from "./hardware/remembered-lines.js";
export { type FakeJournal, fakeJournal, type FakeJournalOptions } from "./testing/fake-journal.js";
export { type FakeRelay, fakeRelay } from "./testing/fake-relay.js";
export { type Card, CardGoneError, type Reader, type ReaderEvent } from "./ports.js";
export { CardError } from "./presentation/card-error.js";
export { type CardKind, cardKindOf } from "./presentation/card-kind.js";
export type { DialogueOptions } from "./presentation/dialogue.js";
export { type CardContents, readCard, requireBadge } from "./presentation/read-card.js";
export { type WriteOptions, type WrittenCard, writeBadge } from "./presentation/write-badge.js";
export { type PcscReaderOptions, pcscReader } from "./hardware/pcsc-reader.js";
export { pcscDriverMissing, probePcscd } from "./hardware/pcsc-launch.js";
export { type SimulatedReaderOptions, simulatedReader } from "./hardware/simulated-reader.js";
export { ConfigError } from "./config-error.js";
export { type AgentConfig, parseConfig, readConfig } from "./config.js";
export { type Enrolment, readEnrolment, writeEnrolment } from "./enrolment/enrolment-file.js";
export { enrol, fingerprintOf } from "./enrolment/enrol.js";
export { type Disk, diskFolder } from "./site-state/durable-folder.js";
export { restoreSiteState } from "./site-state/restore-site-state.js";
export { siteStateStore, type SiteStateStoreOptions } from "./site-state/site-state-store.js";
export type { AgentTls } from "./uplink/broker-connection.js";
export { type AgentRequest, createAgentRequest } from "./uplink/certificate-request.js";
export { mqttUplink, type MqttUplinkOptions, type UplinkTiming } from "./uplink/mqtt-uplink.js";
export { createOutbox, type Outbox, type OutboxOptions } from "./uplink/outbox.js";
export { pumpUsage } from "./uplink/pump-usage.js";
export type { Indicator, Inputs, Journal, Permit, Relay, Screen, ScreenAction, ScreenView, Uplink } from "./ports.js";
export { systemClock } from "./system-clock.js";
export { type Agent, type AgentDeps, createAgent } from "./agent.js";
export type { Presentation } from "./agent-deps.js";
export {
  type AcceptedTap,
  checkTap,
  type Missing,
  type RefusedTap,
  type TapFacts,
  type TapVerdict,
} from "./tap/check-tap.js";
export { modeInForce, policyInForce } from "./tap/mode-in-force.js";
export { type Block, blockOf } from "./interlock/block-of.js";
export { blocksOf, type InterlockState, sessionOf, STARTING } from "./interlock/interlock-state.js";
export type { EndReason, InterlockEvent, InterlockRecord, Step } from "./interlock/interlock-event.js";
export { type Outputs, outputsFor } from "./interlock/outputs-for.js";
export { step } from "./interlock/step.js";
export { RUN_ON_OFF, type RunOn, runsOn, stepRunOn } from "./interlock/run-on.js";
export { type GridPolicy, policyGrid } from "./interlock/search/policy-grid.js";
export {
  type Interlock,
  searchInterlock,
  type SearchOptions,
  type SearchResult,
} from "./interlock/search/search-interlock.js";
export { seededBugs, type SeededBug } from "./interlock/search/seeded-bugs.js";
export { type CyclesResult, simulateCycles } from "./interlock/search/simulate-cycles.js";
export { type SchedulesResult, simulateSchedules } from "./interlock/search/simulate-schedules.js";
export { type Notice, screenFor } from "./screen/screen-for.js";
export { english, german, type Messages } from "./screen/messages/messages.js";
export { pageScreen, type PageScreen } from "./screen/page-screen.js";
export { silentScreen } from "./screen/silent-screen.js";
export { simulatedScreen } from "./screen/simulated-screen.js";
export { FakeClock, fakeClock } from "./testing/fake-clock.js";
export { FakeReader, fakeReader } from "./testing/fake-reader.js";
export { FakeScreen, fakeScreen } from "./testing/fake-screen.js";
export { FakeUplink, fakeUplink } from "./testing/fake-uplink.js";
