import fc from "fast-check";
import { expect, test } from "vitest";
import { AckOrder } from "./ack-order.js";

test("releases in the order of taking, each as soon as all before it are done", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 30 })), (finishing) => {
      const order = new AckOrder();
      const ranks = [...finishing].sort((a, b) => a - b);
      const done = ranks.map(() => order.take());
      const released: number[] = [];
      const finished = new Set<number>();
      for (const value of finishing) {
        const place = ranks.indexOf(value);
        done[place]?.(() => released.push(place));
        finished.add(place);
        let ready = 0;
        while (finished.has(ready)) ready += 1;
        expect(released).toEqual(Array.from({ length: ready }, (_, index) => index));
      }
      expect(released).toHaveLength(ranks.length);
    }),
  );
});
