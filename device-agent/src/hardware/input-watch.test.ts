import { expect, test } from "vitest";
import { InputWatch } from "./input-watch.js";
import type { LineDriver, Sample } from "./line.js";

const PIN = { pin: 5, activeLow: false };

/** A driver whose contact can be made unopenable, and unreadable. */
function contact() {
  const state = { trouble: "", opened: 0, unreadable: "", active: false };
  const driver: LineDriver = {
    name: "simulated",
    openOutput: () => ({ set: () => undefined }),
    openInput: () => {
      state.opened += 1;
      if (state.trouble !== "") throw new Error(state.trouble);
      return {
        sample: (): Sample => {
          if (state.unreadable !== "") throw new Error(state.unreadable);
          return { active: state.active, edges: 0 };
        },
      };
    },
  };
  return { state, watch: new InputWatch(driver, "busy", PIN) };
}

test("a contact is opened at the first look and reported when it has stood still", () => {
  const { state, watch } = contact();
  expect(watch.look(0, false)).toBeUndefined();
  expect(watch.look(30, true)).toEqual({ kind: "changed", active: false });
  expect(state.opened).toBe(1);
});

test("one that cannot be opened is lost, and tried again each second", () => {
  const { state, watch } = contact();
  state.trouble = "another program\nholds GPIO 5";
  expect(watch.look(0, false)).toEqual({ kind: "lost", reason: "another program holds GPIO 5" });
  for (let atMs = 20; atMs < 1000; atMs += 20) expect(watch.look(atMs, false)).toBeUndefined();
  expect(state.opened).toBe(1);
  state.trouble = "";
  watch.look(1000, false);
  expect(state.opened).toBe(2);
  expect(watch.look(1199, false)).toBeUndefined();
  expect(watch.look(1200, false)).toEqual({ kind: "changed", active: false });
});

test("R2: none is opened while something is permitted: that could take longer than the permit", () => {
  const { state, watch } = contact();
  state.trouble = "EBUSY";
  watch.look(0, false);
  watch.look(5000, true);
  expect(state.opened).toBe(1);
  watch.look(5020, false);
  expect(state.opened).toBe(2);
});

test("one that cannot be read is lost, never an error; it comes back by itself", () => {
  const { state, watch } = contact();
  watch.look(0, false);
  watch.look(30, false);
  state.unreadable = "ENODEV";
  expect(watch.look(50, true)).toEqual({ kind: "lost", reason: "ENODEV" });
  expect(watch.look(70, true)).toBeUndefined();
  state.unreadable = "";
  state.active = true;
  watch.look(90, true);
  expect(watch.look(290, true)).toEqual({ kind: "changed", active: true });
  expect(state.opened).toBe(1);
});
