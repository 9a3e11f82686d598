export { JournalError, type JournalOptions, openJournal, type SalvageReport } from "./journal/journal.js";
export { checkPin, type PinVerdict } from "./hardware/gpio-pins.js";
export { findGpioBase } from "./hardware/gpio-base.js";
export { openRelay, type RelayConfig } from "./hardware/relay-drivers.js";
export type { HolderRelay } from "./hardware/relay-holder.js";
export { DriverMissingError, type LineConfig } from "./hardware/relay-line.js";
export { type FakeJournal, fakeJournal, type FakeJournalOptions } from "./testing/fake-journal.js";
export { type FakeRelay, fakeRelay } from "./testing/fake-relay.js";
