import { type MachinePolicyInput, machinePolicySchema } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import type { Wiring } from "../ports.js";
import { linesOf, type RelayConfig } from "./lines-of.js";

const wired = (wiring: MachinePolicyInput["wiring"] = {}): Wiring =>
  machinePolicySchema.parse({ name: "Laser cutter", wiring }).wiring;

const auto: RelayConfig = { driver: "auto" };

describe("lines of configuration and wiring", () => {
  test("a pin of the configuration is the relay's, whatever the policy says", () => {
    const own: RelayConfig = { driver: "sysfs", pin: 5, activeLow: true, base: 512 };
    expect(linesOf(own, wired({ relay: { pin: 17 }, runOn: { pin: 22 } }))).toEqual({
      ok: true,
      lines: {
        driver: { name: "sysfs", base: 512 },
        outputs: { relay: { pin: 5, activeLow: true }, runOn: { pin: 22, activeLow: false } },
        lamps: {},
        inputs: {},
      },
    });
  });

  test("without one the policy decides; inputs, other outputs and lamps are always the policy's", () => {
    const wiring = wired({
      relay: { pin: 17 },
      stop: { pin: 6, activeLow: true },
      alive: { pin: 2 },
      lamps: { red: { pin: 20 }, buzzer: { pin: 21, activeLow: true } },
      inputs: { busy: { pin: 5 }, emergencyStop: { pin: 14, activeLow: true } },
    });
    expect(linesOf({ driver: "chardev", chipLabel: "gpio-sim" }, wiring)).toEqual({
      ok: true,
      lines: {
        driver: { name: "chardev", chipLabel: "gpio-sim" },
        outputs: {
          relay: { pin: 17, activeLow: false },
          stop: { pin: 6, activeLow: true },
          alive: { pin: 2, activeLow: false },
        },
        lamps: { red: { pin: 20, activeLow: false }, buzzer: { pin: 21, activeLow: true } },
        inputs: { busy: { pin: 5, activeLow: false }, emergencyStop: { pin: 14, activeLow: true } },
      },
    });
  });

  test("as long as no policy is known, nothing but the configuration's own relay is driven", () => {
    expect(linesOf(auto)).toEqual({
      ok: true,
      lines: { driver: { name: "auto" }, outputs: {}, lamps: {}, inputs: {} },
    });
    expect(linesOf({ ...auto, pin: 17 })).toMatchObject({ ok: true, lines: { outputs: { relay: { pin: 17 } } } });
  });

  test("a simulated relay hangs on no pin", () => {
    const verdict = linesOf({ driver: "simulated", socket: "bench" }, wired({ runOn: { pin: 22 } }));
    expect(verdict).toMatchObject({ ok: true, lines: { driver: { name: "simulated", socket: "bench" } } });
    expect(verdict.ok && Object.keys(verdict.lines.outputs)).toEqual(["relay", "runOn"]);
  });
});

describe("R1: refused in a sentence", () => {
  test.each<[string, RelayConfig, MachinePolicyInput["wiring"], string]>([
    ["no relay anywhere", auto, {}, "neither the configuration nor the machine's policy names the relay's pin"],
    ["the relay on a pin that is high at power-up", auto, { relay: { pin: 5 } }, "the relay cannot hang on GPIO 5: pin 5 is not pulled down at power-up: an active-high relay needs GPIO 9 to 27"], // prettier-ignore
    ["an active-low relay on a pin that is low at power-up", auto, { relay: { pin: 17, activeLow: true } }, "the relay cannot hang on GPIO 17: pin 17 is not pulled up at power-up: an active-low relay needs GPIO 4 to 8"], // prettier-ignore
    ["run-on on the serial port", { ...auto, pin: 17 }, { runOn: { pin: 14 } }, "the run-on output cannot hang on GPIO 14: pin 14 is the serial port, which speaks at power-up"], // prettier-ignore
    ["the stop output on a pin that is high at power-up", { ...auto, pin: 17 }, { stop: { pin: 4 } }, "the stop output cannot hang on GPIO 4: pin 4 is not pulled down at power-up: an active-high relay needs GPIO 9 to 27"], // prettier-ignore
    ["two outputs on one pin", auto, { relay: { pin: 17 }, runOn: { pin: 17 } }, "GPIO 17 is wired twice, for the relay and the run-on output: move one of them"], // prettier-ignore
    ["the configuration's relay on a contact's pin", { ...auto, pin: 22 }, { inputs: { busy: { pin: 22 } } }, "GPIO 22 is wired twice, for the relay and the busy contact: move one of them"], // prettier-ignore
    ["a lamp on a button's pin", { ...auto, pin: 17 }, { lamps: { red: { pin: 20 } }, inputs: { endButton: { pin: 20 } } }, "GPIO 20 is wired twice, for the red lamp and the end button: move one of them"], // prettier-ignore
    ["what a real machine would refuse, at a bench too", { driver: "simulated" }, { relay: { pin: 3 } }, "the relay cannot hang on GPIO 3: pin 3 is not pulled down at power-up: an active-high relay needs GPIO 9 to 27"], // prettier-ignore
  ])("%s", (_title, config, wiring, problem) => {
    expect(linesOf(config, wired(wiring))).toEqual({ ok: false, problem });
  });

  test("a forbidden pin of the configuration, before any policy is known", () => {
    expect(linesOf({ driver: "sysfs", pin: 4 })).toMatchObject({ ok: false });
  });
});
