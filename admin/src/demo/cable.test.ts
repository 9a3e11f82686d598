import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cable, layCable } from "./cable.js";

let echo: Server;
let cable: Cable;
const sockets: Socket[] = [];

beforeEach(async () => {
  echo = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  cable = await layCable({ host: "127.0.0.1", port: (echo.address() as AddressInfo).port });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await cable.close();
  echo.close();
});

async function dial(): Promise<Socket> {
  const socket = connect(cable.port, "127.0.0.1");
  socket.on("error", () => undefined);
  sockets.push(socket);
  await new Promise<void>((resolve) => socket.once("connect", resolve).once("close", () => resolve()));
  return socket;
}

/** `once` would take the reset that comes with it for a failure. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));
}

async function says(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer.toString();
}

test("passes what is said while it is plugged in", async () => {
  expect(await says(await dial(), "hello")).toBe("hello");
  expect(cable.connections).toBe(1);
});

test("pulled, it drops what there was and refuses what comes; plugged in again, it passes", async () => {
  const before = await dial();
  expect(await says(before, "a")).toBe("a");
  cable.pull();
  await closed(before);
  const during = await dial();
  await closed(during);
  cable.plug();
  expect(await says(await dial(), "b")).toBe("b");
});

test("an end that is away drops the near end", async () => {
  cable.leadTo({ host: "127.0.0.1", port: 1 });
  await closed(await dial());
});
