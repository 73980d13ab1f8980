import assert from "node:assert/strict";
import { test } from "node:test";

import { EventQueue } from "./event-queue.ts";
import { seededRandom } from "./random.ts";

test("events come by time, then by rank, then in the order in which they were added", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const queue = new EventQueue<{ readonly atMs: number; readonly rank: number; readonly order: number }>();
    const added = Array.from({ length: 200 }, (_, order) => ({
      atMs: Math.floor(random() * 20),
      rank: Math.floor(random() * 2),
      order,
    }));
    for (const event of added) queue.add(event);

    const taken = added.map(() => queue.take());

    assert.deepEqual(
      taken,
      added.toSorted((a, b) => a.atMs - b.atMs || a.rank - b.rank || a.order - b.order),
      `seed ${seed}`,
    );
    assert.equal(queue.take(), undefined);
  }
});

test("what is added later to a place that was reserved comes before what was added meanwhile", () => {
  const queue = new EventQueue<{ readonly atMs: number; readonly rank: number; readonly name: string }>();
  const place = queue.reserve();
  queue.add({ atMs: 1, rank: 0, name: "meanwhile" });
  queue.add({ atMs: 1, rank: 0, name: "reserved" }, place);

  assert.deepEqual([queue.take()?.name, queue.take()?.name], ["reserved", "meanwhile"]);
});
