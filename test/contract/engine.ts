/**
 * What every engine driver must do: `engineContract` registers the tests of `src/engine/contract.ts`, primitive by
 * primitive. `open` makes an empty engine whose time is the given clock; what it returns is closed here.
 */
import { afterEach, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { ManualClock } from "../../src/core/manual-clock.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { blobsContract } from "./engine/blobs.ts";
import { leasesContract } from "./engine/leases.ts";
import { queuesContract } from "./engine/queues.ts";
import { queueGroupsContract } from "./engine/queue-groups.ts";
import { recordsContract } from "./engine/records.ts";
import { streamsContract } from "./engine/streams.ts";

/** Makes an empty engine. The suite closes it. */
export type OpenEngine = (clock: ManualClock) => Promise<Engine>;

/** The engine and clock of the test that runs. */
export interface World {
  readonly engine: Engine;
  readonly clock: ManualClock;
}

export function engineContract(name: string, open: OpenEngine): void {
  describe(`${name} engine`, () => {
    let clock = new ManualClock();
    let engine: Engine | undefined;
    beforeEach(async () => {
      clock = new ManualClock();
      engine = await open(clock);
    });
    afterEach(async () => {
      await engine?.close();
      assert.equal(clock.pendingTimers, 0, "a closed engine leaves no timer behind");
    });
    const world: World = {
      get engine() {
        assert(engine);
        return engine;
      },
      get clock() {
        return clock;
      },
    };
    describe("records", () => recordsContract(world));
    describe("queues", () => queuesContract(world));
    describe("queue groups", () => queueGroupsContract(world));
    describe("streams", () => streamsContract(world));
    describe("blobs", () => blobsContract(world));
    describe("leases", () => leasesContract(world));
    test("refuses every call once it is closed, and ends the waits under way", () => closing(world));
  });
}

async function closing({ engine }: World): Promise<void> {
  const queue = await engine.queues.open(["queue", "1", "us-east-1", "q"]);
  const waiting = queue.receive({ max: 1, visibilityMs: 1000, waitMs: 60_000 });
  const following = engine.streams.changed(["log", "1", "us-east-1", "s"], 0, new AbortController().signal);
  const accepted = engine.records.put(["a"], 1);
  await queue.stats();

  await engine.close();

  assert.equal((await accepted).written, true);
  assert.deepEqual(await waiting, []);
  await following;
  const isClosing = { name: "UnavailableError", reason: "closing" };
  await assert.rejects(engine.records.get(["a"]), isClosing);
  await assert.rejects(engine.records.put(["a"], 1), isClosing);
  await assert.rejects(engine.queues.open(["q"]), isClosing);
  await assert.rejects(queue.send([]), isClosing);
  await assert.rejects(engine.streams.shards(["s"]), isClosing);
  await assert.rejects(engine.blobs.list(), isClosing);
  await assert.rejects(engine.leases.acquire(["l"], "me", 1), isClosing);
  await engine.close();
}
