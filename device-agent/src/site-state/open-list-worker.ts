import { parentPort } from "node:worker_threads";
import { openList } from "@badgekey/shared";
import { type OpeningOrder, type OpeningReply, packed } from "./list-travel.js";

/** The thread that opens lists (SAFETY R8). It decides nothing and keeps nothing. */
const port = parentPort;
if (!port) throw new Error("the opener of lists runs as a thread of the agent");

port.on("message", ({ id, name, bytes, opening, agent }: OpeningOrder) => {
  const reply: OpeningReply = { id, verdict: packed(openList(name, bytes, opening), agent) };
  port.postMessage(reply);
});
