import fc from "fast-check";
import { expect, test } from "vitest";
import { PubackQueue } from "./puback-queue.js";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A queue whose writes are kept, with the message ids in them. */
function recorded(windowBytes = 1_000_000) {
  const writes: { ids: number[]; flushed: () => void }[] = [];
  const queue = new PubackQueue(windowBytes, (bytes, flushed) => {
    const view = Buffer.from(bytes);
    const ids = Array.from({ length: view.length / 4 }, (_, index) => {
      expect(view.readUInt16BE(index * 4)).toBe(0x4002);
      return view.readUInt16BE(index * 4 + 2);
    });
    writes.push({ ids, flushed });
  });
  return { queue, writes };
}

test("acknowledges in the order of arrival, each as soon as all before it are committed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat({ max: 30 })), async (finishing) => {
      const { queue, writes } = recorded();
      const ranks = [...finishing].sort((a, b) => a - b);
      const commits = ranks.map((_, place) => queue.take(place, 10));
      const committed = new Set<number>();
      for (const value of finishing) {
        const place = ranks.indexOf(value);
        commits[place]?.();
        committed.add(place);
        await turn();
        let ready = 0;
        while (committed.has(ready)) ready += 1;
        expect(writes.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: ready }, (_, index) => index));
      }
    }),
  );
});

test("writes what one commit settles in one piece, and nothing for QoS 0", async () => {
  const { queue, writes } = recorded();
  const commit = Promise.resolve();
  for (const id of [1, undefined, 65_535]) void commit.then(queue.take(id, 10));
  await turn();
  expect(writes.map(({ ids }) => ids)).toEqual([[1, 65_535]]);
  queue.take(undefined, 10)();
  await turn();
  expect(writes).toHaveLength(1);
});

test("lets no more in while the window is full, until PUBACKs have left", async () => {
  const { queue, writes } = recorded(1_000);
  const admitted: string[] = [];
  const first = queue.take(1, 500);
  queue.whenRoom(() => admitted.push("second"));
  const second = queue.take(2, 500);
  queue.whenRoom(() => admitted.push("third"));
  expect(admitted).toEqual(["second"]);
  first();
  second();
  await turn();
  expect(admitted).toEqual(["second"]);
  writes[0]?.flushed();
  expect(admitted).toEqual(["second", "third"]);
});
