import { machinePolicySchema } from "@badgekey/shared";
import { expect, test } from "vitest";
import type { ReaderConfig } from "../config.js";
import { namedBy } from "./open-reader.js";

const wiringWith = (reader?: string) =>
  machinePolicySchema.parse({ name: "Saw", wiring: { ...(reader !== undefined && { reader }) } }).wiring;

test.each<[string, ReaderConfig, string | undefined, ReaderConfig]>([
  ["the signed wiring says which", { driver: "pcsc" }, "00A1", { driver: "pcsc", name: "00A1" }],
  ["the controller's own file says more", { driver: "pcsc", name: "00B2" }, "00A1", { driver: "pcsc", name: "00B2" }],
  ["nobody says", { driver: "pcsc" }, undefined, { driver: "pcsc" }],
  ["a simulated one has no name", { driver: "simulated", socket: "r" }, "00A1", { driver: "simulated", socket: "r" }],
])("which reader guards the machine: %s", (_title, config, reader, expected) => {
  expect(namedBy(wiringWith(reader), config)).toEqual(expected);
});

test("which reader guards the machine: before the first lists, the configuration alone says", () => {
  expect(namedBy(undefined, { driver: "pcsc" })).toEqual({ driver: "pcsc" });
});
