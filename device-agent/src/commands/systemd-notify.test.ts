import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Events } from "../testing/events.js";
import { type LogLine, silentLog } from "../testing/silent-log.js";
import { RefusedError } from "./refused-error.js";
import { systemdNotifier } from "./systemd-notify.js";

const libc = koffi.load(null);
const openSocket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, const void *address, uint32_t length)");
const receive = libc.func("intptr_t recv(int fd, void *buffer, size_t length, int flags)");
const close = libc.func("int close(int fd)");
const MSG_DONTWAIT = 0x40;

/** systemd's end of the socket: a real datagram socket of the kernel. */
class NotifySocket {
  readonly #fd: number;

  /** At a path, or with "@" in front in the abstract namespace. */
  constructor(readonly name: string) {
    this.#fd = openSocket(1, 2, 0) as number;
    const path = Buffer.from(name.startsWith("@") ? `\0${name.slice(1)}` : `${name}\0`);
    const address = Buffer.concat([Buffer.from([1, 0]), path]);
    if (bind(this.#fd, address, address.length) !== 0) throw new Error(`bind: errno ${koffi.errno()}`);
  }

  /** Everything that has arrived. */
  take(): string[] {
    const messages: string[] = [];
    const buffer = Buffer.alloc(4_096);
    for (;;) {
      const length = receive(this.#fd, buffer, buffer.length, MSG_DONTWAIT) as number;
      if (length < 0) return messages;
      messages.push(buffer.toString("utf8", 0, length));
    }
  }

  close(): void {
    close(this.#fd);
  }
}

let folder: string;
let systemd: NotifySocket;
let nowMs = 0;
let lines: Events<LogLine>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-notify-"));
  systemd = new NotifySocket(join(folder, "notify"));
  lines = new Events<LogLine>();
  nowMs = 1_000_000;
});
afterEach(() => {
  systemd.close();
  rmSync(folder, { recursive: true });
});

const notifier = (env: Record<string, string> = {}) =>
  systemdNotifier({ NOTIFY_SOCKET: systemd.name, ...env }, silentLog(lines), () => nowMs);

function catching(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("word to systemd", () => {
  test("ready, status and stopping arrive as systemd reads them, each as one datagram", () => {
    const { ready, status, stopping, watchdogMs } = notifier();
    ready();
    status("guards Laser\nREADY=0");
    stopping();
    expect(systemd.take()).toEqual(["READY=1", "STATUS=guards Laser READY=0", "STOPPING=1"]);
    expect(watchdogMs).toBeUndefined();
  });

  test("a socket of the abstract namespace is found as well", () => {
    const abstract = new NotifySocket(`@badgekey-test-${process.pid}`);
    systemdNotifier({ NOTIFY_SOCKET: abstract.name }, silentLog(), () => nowMs).ready();
    expect(abstract.take()).toEqual(["READY=1"]);
    abstract.close();
  });

  test("R9: progress feeds the watchdog, at most once in a third of its time", () => {
    const { alive, watchdogMs } = notifier({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: String(process.pid) });
    expect(watchdogMs).toBe(3_000);
    for (let step = 0; step < 30; step++, nowMs += 100) alive();
    expect(systemd.take()).toEqual(["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  });

  test("R9: without progress nothing feeds it, however long", () => {
    const { ready } = notifier({ WATCHDOG_USEC: "3000000" });
    ready();
    nowMs += 60_000;
    expect(systemd.take()).toEqual(["READY=1"]);
  });

  test.each([
    ["none is set", {}],
    ["it watches another process", { WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1" }],
    ["its time is no number", { WATCHDOG_USEC: "soon" }],
    ["its time is nothing", { WATCHDOG_USEC: "0" }],
  ])("a watchdog is not fed where %s", (_, env) => {
    const { alive, watchdogMs } = notifier(env);
    alive();
    expect(watchdogMs).toBeUndefined();
    expect(systemd.take()).toEqual([]);
  });

  test("outside systemd nothing is sent and nothing is needed", () => {
    const { ready, alive, status, stopping } = systemdNotifier({ WATCHDOG_USEC: "3000000" }, silentLog(lines), () => 0);
    for (const tell of [ready, alive, stopping, () => status("here")]) tell();
    expect(lines.all).toEqual([]);
  });
});

describe("systemd that cannot be told", () => {
  test("a socket that is gone, or whose reader hangs, holds nothing up and is logged once", () => {
    const { ready, status } = notifier();
    systemd.close();
    ready();
    ready();
    expect(lines.all.map(({ level, text }) => `${level}: ${text}`)).toEqual([
      expect.stringMatching(/^warn: systemd does not take the agent's notifications .*errno/),
    ]);
    systemd = new NotifySocket(join(folder, "again"));
    const full = systemdNotifier({ NOTIFY_SOCKET: systemd.name }, silentLog(lines), () => nowMs);
    // The kernel queues a few hundred datagrams at most; a call that waited for room would never come back.
    for (let n = 0; n < 5_000; n++) full.status(String(n));
    expect(lines.all.length).toBe(2);
    expect(systemd.take()[0]).toBe("STATUS=0");
    status("the first one's socket stays gone");
  });

  test("R9: without koffi the start is refused with what mends it; later the watchdog would kill a session", () => {
    const missing = (): never => {
      throw new Error("Cannot find module 'koffi'");
    };
    const refusal = catching(() => systemdNotifier({ NOTIFY_SOCKET: systemd.name }, silentLog(), () => 0, missing));
    expect(refusal).toMatchObject({ name: "RefusedError", hint: expect.stringContaining("npm ci") });
    expect(() => systemdNotifier({}, silentLog(), () => 0, missing)).not.toThrow();
  });

  test.each([
    ["is no Unix socket", "vsock:2:1234"],
    ["is a relative path", "run/notify"],
    ["is too long", `/${"x".repeat(120)}`],
  ])("the start is refused where NOTIFY_SOCKET %s", (_, socket) => {
    const start = () => systemdNotifier({ NOTIFY_SOCKET: socket }, silentLog(), () => 0);
    expect(start).toThrow(RefusedError);
    expect(start).toThrow(/NOTIFY_SOCKET names no Unix socket/);
  });
});
