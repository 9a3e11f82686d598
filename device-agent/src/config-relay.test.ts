import { describe, expect, test } from "vitest";
import { ConfigError } from "./config-error.js";
import { parseConfig } from "./config.js";

const withRelay = (relay: string) => `agent: laser-1\ndataDir: data\nreaders: [{ driver: pcsc }]\nrelay: ${relay}\n`;

function problemsOf(relay: string): readonly string[] {
  try {
    parseConfig(withRelay(relay), "agent.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("the configuration was taken");
}

describe("relay", () => {
  test.each(["auto", "sysfs", "chardev"])("driver %s is enough: the machine's policy says the pins", (driver) => {
    expect(parseConfig(withRelay(`{ driver: ${driver} }`), "agent.yaml").relay).toEqual({ driver });
  });

  test("a pin, its polarity and another board's chip can be named", () => {
    const relay = "{ driver: sysfs, pin: 5, activeLow: true, chipLabel: gpio-sim, base: 512 }";
    expect(parseConfig(withRelay(relay), "agent.yaml").relay).toEqual({
      driver: "sysfs",
      pin: 5,
      activeLow: true,
      chipLabel: "gpio-sim",
      base: 512,
    });
  });

  test.each([
    ["{ driver: gpio, pin: 17 }", "relay.driver: write one of auto, sysfs, chardev, simulated"],
    ["{ driver: auto, activeLow: true }", "relay.activeLow: write `pin` too, or neither: the machine's policy then says both"], // prettier-ignore
    ["{ driver: auto, pin: 5 }", "relay.pin: pin 5 is not pulled down at power-up: an active-high relay needs GPIO 9 to 27"], // prettier-ignore
    ["{ driver: simulated, pin: 17 }", 'relay: unknown key "pin": remove it or correct its name'],
  ])("R1: %s is refused in words", (relay, problem) => {
    expect(problemsOf(relay)).toEqual([problem]);
  });
});
