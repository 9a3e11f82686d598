import { mkdtemp, rm } from "node:fs/promises";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { probePcscd } from "./pcsc-probe.js";

let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-pcscd-"));
});
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  await rm(folder, { recursive: true });
});

async function pcscd(onClient: (client: Socket) => void): Promise<string> {
  const socket = join(folder, "pcscd.comm");
  const listening = createServer(onClient);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(socket, () => resolve()));
  return socket;
}

test("a pcscd that answers is there", async () => {
  const socket = await pcscd((client) => client.once("data", (message) => client.end(message.subarray(8))));
  expect(await probePcscd(socket)).toBeUndefined();
});

test("a pcscd that accepts and hangs is found out", async () => {
  const clients: Socket[] = [];
  const socket = await pcscd((client) => clients.push(client));
  expect(await probePcscd(socket, 30)).toBe(`service: pcscd does not answer at ${socket}`);
  for (const client of clients) client.destroy();
});

test("a pcscd that lets this user not in is told from one that is away", async () => {
  const socket = await pcscd((client) => client.destroy());
  expect(await probePcscd(socket)).toMatch(/^service: pcscd closed the connection: .*polkit/);
  expect(await probePcscd(join(folder, "none"))).toMatch(
    /^service: pcscd does not listen .*enable --now pcscd.socket$/,
  );
});
