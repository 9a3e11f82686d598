import { connect } from "node:net";

/** Where pcscd listens on Debian and Raspberry Pi OS. */
export const PCSCD_SOCKET = "/run/pcscd/pcscd.comm";
const PROBE_TIMEOUT_MS = 2000;
const CLOSED = "service: pcscd closed the connection: it ended, or a polkit rule must allow this user";

/**
 * The first message of every client of pcscd (pcsc-lite, winscard_msg.h): length and kind of what follows, then the
 * protocol's version and room for a result. It is answered whatever the version.
 */
const VERSION_MESSAGE = Buffer.from(Uint32Array.of(12, 0x11, 4, 4, 0).buffer);

/**
 * Why pcscd cannot be talked to, undefined when it answers. Asked before nfc-pcsc is loaded: its constructor spins for
 * ever without pcscd. Connecting also wakes a pcscd that systemd starts on demand. A connection alone proves nothing:
 * the kernel accepts it for a pcscd that hangs.
 */
export function probePcscd(socket: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const timer = setTimeout(() => done(`service: pcscd does not answer at ${socket}`), timeoutMs);
    const done = (reason?: string): void => {
      clearTimeout(timer);
      connection.destroy();
      resolve(reason);
    };
    connection.on("connect", () => connection.write(VERSION_MESSAGE));
    connection.on("data", () => done());
    connection.on("error", (error: NodeJS.ErrnoException) => done(probeReason(socket, error)));
    // What a client that polkit does not allow gets instead of an answer.
    connection.on("close", () => done(CLOSED));
  });
}

function probeReason(socket: string, error: NodeJS.ErrnoException): string {
  if (error.code === "EACCES") return `service: no permission for ${socket}; a polkit rule or group must allow it`;
  if (error.code === "ECONNRESET" || error.code === "EPIPE") return CLOSED;
  return `service: pcscd does not listen at ${socket} (${error.code ?? error.message}); run: sudo systemctl enable --now pcscd.socket`;
}
