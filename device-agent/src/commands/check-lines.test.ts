import { machinePolicySchema } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { DriverMissingError } from "../hardware/line.js";
import type { RelayConfig } from "../hardware/lines-of.js";
import { checkLines } from "./check-lines.js";

type WiringInput = Readonly<Record<string, unknown>>;

const wiringOf = (wiring: WiringInput) => machinePolicySchema.parse({ name: "Laser", wiring }).wiring;
const auto: RelayConfig = { driver: "auto" };

interface Computer {
  /** What pinctrl says of each pin; absent where it is not installed. */
  readonly pinctrl?: Readonly<Record<number, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly missing?: string;
}

function probesOf({ pinctrl, files = {}, missing }: Computer) {
  return {
    read: (path: string) => Promise.resolve(files[path]),
    run: (program: string, [, pins = ""]: readonly string[]) => {
      const known = program === "pinctrl" ? pinctrl : undefined;
      return Promise.resolve(
        known &&
          pins
            .split(",")
            .map((pin) => `${pin.padStart(2)}: ${known[Number(pin)] ?? "no    pd | -- // none"}\n`)
            .join(""),
      );
    },
    openDriver: () =>
      missing === undefined
        ? Promise.resolve({ name: "chardev" as const })
        : Promise.reject(new DriverMissingError(missing, { hint: "npm ci" })),
  };
}

const lines = async (relay: RelayConfig, wiring: WiringInput | undefined, computer: Computer = {}) =>
  (await checkLines(relay, wiring && wiringOf(wiring), probesOf(computer))).map(
    ({ check, state, detail }) => `${state} ${check}: ${detail}`,
  );

const wiring = {
  relay: { pin: 17 },
  runOn: { pin: 27 },
  inputs: {
    feedback: { pin: 5, activeLow: true },
    emergencyStop: { pin: 6 },
    busy: { pin: 13, activeLow: true },
    bypassKey: { pin: 19 },
  },
};

describe("doctor looks at the pins", () => {
  test("every output and contact is told with its pin, polarity and present level", async () => {
    const levels = {
      17: "op -- pd | lo // GPIO17 = output",
      27: "op dh pd | hi // GPIO27",
      5: "ip pu | hi //",
      6: "ip pd | lo",
      13: "ip pu | lo",
      19: "ip pd | lo",
    };
    expect(await lines(auto, wiring, { pinctrl: levels })).toEqual([
      "ok output relay: GPIO 17, active high, by chardev, now open",
      "ok output runOn: GPIO 27, active high, by chardev, now on",
      "ok busy contact: GPIO 13, active low: the machine runs",
      "ok relay feedback: GPIO 5, active low: open",
      "ok emergency stop: GPIO 6, active high: not pressed",
      "ok bypass key: GPIO 19, active high: not turned",
    ]);
  });

  test("R4: a contact that is read closed while its relay is open is a failure", async () => {
    const welded = { 17: "op | lo", 27: "op | lo", 5: "ip | lo", 6: "ip | lo", 13: "ip | hi", 19: "ip | lo" };
    expect(await lines(auto, wiring, { pinctrl: welded })).toContain(
      "failed relay: is read closed although it is commanded open",
    );
    const cut = { ...welded, 17: "op | hi", 5: "ip | hi" };
    expect(await lines(auto, wiring, { pinctrl: cut })).toContain(
      "warning relay: is read open although it is commanded closed",
    );
  });

  test("R13: what keeps the machine from starting is pointed out", async () => {
    const pressed = { 17: "op | lo", 27: "op | lo", 5: "ip | hi", 6: "ip | hi", 13: "ip | hi", 19: "ip | hi" };
    const found = await lines(auto, wiring, { pinctrl: pressed });
    expect(found).toContain("warning emergency stop: GPIO 6, active high: pressed");
    expect(found).toContain("warning bypass key: GPIO 19, active high: turned: the machine runs without a badge");
  });

  test("without pinctrl, pins that sysfs has exported are read there; the others are said to be invisible", async () => {
    const files = {
      "/sys/class/gpio/gpio529/value": "1\n",
      "/sys/class/gpio/gpio529/active_low": "0\n",
      "/sys/class/gpio/gpio518/value": "1\n",
      "/sys/class/gpio/gpio518/active_low": "1\n",
    };
    const relay: RelayConfig = { driver: "sysfs", base: 512 };
    const inputs = { endButton: { pin: 6, activeLow: true }, tamper: { pin: 7 } };
    expect(await lines(relay, { relay: { pin: 17 }, inputs }, { files })).toEqual([
      "ok output relay: GPIO 17, active high, by chardev, now closed",
      "ok end button: GPIO 6, active low: pressed",
      "warning tamper contact: GPIO 7, active high: how it stands cannot be seen from outside",
    ]);
  });

  test("R1: a pin that would close the relay at power-up is a failure, and so is one wired twice", async () => {
    expect(await lines(auto, { relay: { pin: 5 } })).toEqual([
      expect.stringMatching(/^failed relay: .*GPIO 5.*pulled/),
    ]);
    expect(await lines(auto, { relay: { pin: 17 }, inputs: { busy: { pin: 17 } } })).toEqual([
      expect.stringMatching(/^failed relay: GPIO 17 is wired twice/),
    ]);
  });

  test("a driver that is not there comes with what mends it; a wiring not known yet is told", async () => {
    expect(await lines(auto, wiring, { missing: "this machine has no GPIO" })).toEqual([
      "failed relay: this machine has no GPIO",
    ]);
    expect(await lines(auto, undefined)).toEqual([
      "warning relay: driver chardev; which pin comes with the machine's policy",
    ]);
    expect(await lines({ driver: "simulated" }, undefined)).toEqual(["warning relay: simulated: nothing is switched"]);
  });
});
