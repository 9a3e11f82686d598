import { createRequire } from "node:module";
import type { BaseLogger } from "pino";
import { RefusedError } from "./refused-error.js";

/** What systemd is told. Nothing here blocks, throws or waits: the loop calls `alive` after every step. */
export interface SystemdNotifier {
  /** The agent guards its machine: `systemctl start` returns, and the watchdog begins to count. */
  ready(): void;
  /** The loop has finished a step (SAFETY R9). At most one message in a third of the watchdog's time goes out. */
  alive(): void;
  stopping(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** Beyond so many ms without `alive` systemd kills the agent; undefined where it does not watch this process. */
  readonly watchdogMs: number | undefined;
}

/** What systemd puts into the environment of a service of Type=notify. */
export interface SystemdEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

type Log = Pick<BaseLogger, "warn">;
type Send = (message: string) => void;
type Koffi = typeof import("koffi");
type LoadKoffi = () => Koffi;

/** sockaddr_un.sun_path on Linux. */
const MOST_PATH_BYTES = 108;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** Neither the relay's holder nor the reader process inherits it. */
const SOCK_CLOEXEC = 0o2_000_000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const INSTALL_KOFFI = "npm ci --include=optional   (in the folder of badgekey-agent)";

/**
 * Tells systemd how the agent fares. Outside a service of Type=notify everything does nothing. Node has no Unix
 * datagram sockets, so libc is called through koffi; `monotonic` returns ms. Throws a RefusedError where systemd waits
 * for word and none can be sent: it would kill the agent in the middle of a session instead of before the first.
 */
export function systemdNotifier(
  env: SystemdEnvironment,
  log: Log,
  monotonic: () => number,
  load: LoadKoffi = requireKoffi,
): SystemdNotifier {
  const socket = env.NOTIFY_SOCKET;
  if (socket === undefined || socket === "") return { ...silent, watchdogMs: undefined };
  const address = socketAddress(socket);
  const send = quietly(openSocket(address, load), log);
  const watchdogMs = watchdogOf(env);
  const pauseMs = watchdogMs === undefined ? Number.POSITIVE_INFINITY : watchdogMs / 3;
  let lastAliveMs = Number.NEGATIVE_INFINITY;
  return {
    watchdogMs,
    ready: () => send("READY=1"),
    stopping: () => send("STOPPING=1"),
    // A line break would begin another assignment.
    status: (text) => send(`STATUS=${text.replaceAll(/[\r\n]+/g, " ")}`),
    alive: () => {
      const nowMs = monotonic();
      if (watchdogMs === undefined || nowMs - lastAliveMs < pauseMs) return;
      lastAliveMs = nowMs;
      send("WATCHDOG=1");
    },
  };
}

const nothing = (): void => undefined;
const silent = { ready: nothing, alive: nothing, stopping: nothing, status: nothing };

function watchdogOf({ WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: SystemdEnvironment): number | undefined {
  // Inherited from a parent that is the one being watched.
  if (pid !== undefined && pid !== "" && pid !== String(process.pid)) return undefined;
  return usec !== undefined && /^[1-9]\d{0,15}$/.test(usec) ? Number(usec) / 1_000 : undefined;
}

/** sockaddr_un: the family, then a path, or a zero and a name of the abstract namespace (written with "@"). */
function socketAddress(socket: string): Buffer {
  const path = Buffer.from(socket);
  const isAbstract = socket.startsWith("@");
  if ((!isAbstract && !socket.startsWith("/")) || path.length >= MOST_PATH_BYTES) {
    throw new RefusedError(
      `NOTIFY_SOCKET names no Unix socket: ${JSON.stringify(socket.slice(0, MOST_PATH_BYTES))}`,
      "start the agent through its unit: sudo systemctl start badgekey-agent@<name>",
    );
  }
  if (isAbstract) path[0] = 0;
  const family = Buffer.alloc(2);
  // All processors of the Raspberry Pi, and of the computers Debian runs on beside them, write the low byte first.
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, path, ...(isAbstract ? [] : [Buffer.alloc(1)])]);
}

/** Sends one datagram without waiting; returns the error's number, 0 where it went. */
type Datagram = (message: string) => number;

function openSocket(address: Buffer, load: LoadKoffi): Datagram {
  const koffi = loadOrRefuse(load);
  const libc = koffi.load(null);
  const open = libc.func("int socket(int domain, int type, int protocol)") as (...args: number[]) => number;
  const sendTo = libc.func(
    "intptr_t sendto(int fd, const void *message, size_t length, int flags, const void *address, uint32_t addressLength)",
  ) as (...args: readonly (number | Buffer)[]) => number;
  const fd = open(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    throw new RefusedError(
      `no socket for systemd's notifications could be made (errno ${koffi.errno()})`,
      "allow AF_UNIX in the unit's RestrictAddressFamilies, as the shipped unit does",
    );
  }
  return (message) => {
    const bytes = Buffer.from(message);
    const sent = sendTo(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
    return sent === bytes.length ? 0 : koffi.errno();
  };
}

const requireKoffi: LoadKoffi = () => createRequire(import.meta.url)("koffi") as Koffi;

function loadOrRefuse(load: LoadKoffi): Koffi {
  try {
    return load();
  } catch (cause) {
    throw new RefusedError(
      "systemd waits for this agent's word (Type=notify), and the package koffi, which sends it, does not load",
      INSTALL_KOFFI,
      { cause },
    );
  }
}

/** What cannot be sent is told once for each kind of trouble: a watchdog that hears nothing then does its work. */
function quietly(datagram: Datagram, log: Log): Send {
  let told = 0;
  return (message) => {
    const errno = datagram(message);
    if (errno === 0 || errno === told) return;
    told = errno;
    log.warn({ errno }, "systemd does not take the agent's notifications");
  };
}
