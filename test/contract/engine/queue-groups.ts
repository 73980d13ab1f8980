import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ManualClock } from "../../../src/core/manual-clock.ts";
import type { Key, Queue, QueueMessage } from "../../../src/engine/contract.ts";
import type { World } from "../engine.ts";
import { bodyOf, parked, textOf } from "./queues.ts";

const name: Key = ["queue", "111111111111", "us-east-1", "q.fifo"];
const visibilityMs = 30_000;

function inGroup(text: string, group: string): { body: Uint8Array; group: string } {
  return { ...bodyOf(text), group };
}

async function receiveOne(queue: Queue): Promise<QueueMessage | undefined> {
  return (await queue.receive({ max: 1, visibilityMs }))[0];
}

export function queueGroupsContract(world: World): void {
  test("a group's next message is received only when the one before is deleted; other groups go on", async () => {
    const queue = await world.engine.queues.open(name);
    await queue.send([inGroup("a1", "a"), inGroup("a2", "a"), inGroup("b1", "b"), bodyOf("free")]);

    const received = [await receiveOne(queue), await receiveOne(queue), await receiveOne(queue)];

    assert.deepEqual(received.map(textOf), ["a1", "b1", "free"]);
    assert.equal(received[0]?.group, "a");
    assert.equal(await receiveOne(queue), undefined);
    await queue.delete([received[0]?.receipt ?? ""]);
    assert.equal(textOf(await receiveOne(queue)), "a2");
  });

  test("a message that was not deleted in time comes again before those behind it", async () => {
    const queue = await world.engine.queues.open(name);
    await queue.send([inGroup("a1", "a"), inGroup("a2", "a")]);
    await receiveOne(queue);
    world.clock.advance(visibilityMs);

    const again = await receiveOne(queue);

    assert.equal(textOf(again), "a1");
    assert.equal(again?.receiveCount, 2);
    assert.equal(await receiveOne(queue), undefined);
  });

  test("a delayed message holds back those behind it, and a waiting receiver gets it at its time", async () => {
    const queue = await world.engine.queues.open(name);
    await queue.send([{ ...inGroup("a1", "a"), delayMs: 5000 }, inGroup("a2", "a")]);
    const waiting = queue.receive({ max: 1, visibilityMs, waitMs: 60_000 });
    await parked(queue);

    world.clock.advance(5000);

    const [first] = await waiting;
    assert.equal(textOf(first), "a1");
    const next = queue.receive({ max: 1, visibilityMs, waitMs: 60_000 });
    await parked(queue);
    await queue.delete([first?.receipt ?? ""]);
    assert.equal(textOf((await next)[0]), "a2", "the delete wakes who waits for the next of the group");
  });

  test("whatever is sent, received, deleted and waited for, each group is received in order and nothing is lost", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const queue = await world.engine.queues.open(["model", String(run++)]);
        await new Model(queue, world.clock).follow(steps);
      }),
      { numRuns: 30 },
    );
  });
}

type Step =
  | { readonly kind: "send"; readonly group: string | undefined; readonly delayMs: number }
  | { readonly kind: "receive"; readonly max: number }
  | { readonly kind: "delete" | "release"; readonly which: number }
  | { readonly kind: "advance"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("send" as const),
    group: fc.constantFrom("a", "b", undefined),
    delayMs: fc.constantFrom(0, 0, 10),
  }),
  fc.record({ kind: fc.constant("receive" as const), max: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constantFrom("delete" as const, "release" as const), which: fc.nat() }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 100) }),
);

interface Expected {
  readonly id: string;
  readonly group: string | undefined;
  visibleAtMs: number;
  receiveCount: number;
  receipt: string;
}

/** The messages there should be, in the order sent; says for each answer whether the contract allows it. */
class Model {
  readonly #queue: Queue;
  readonly #clock: ManualClock;
  #messages: Expected[] = [];

  constructor(queue: Queue, clock: ManualClock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  async follow(steps: readonly Step[]): Promise<void> {
    for (const next of steps) await this.#do(next);
    this.#clock.advance(1000);
    while (this.#messages.length > 0) {
      const left = this.#messages.length;
      await this.#receive(10);
      for (const message of this.#messages.filter(({ receipt }) => receipt !== "")) await this.#delete(message);
      assert(this.#messages.length < left, "what is left can be received");
    }
    assert.deepEqual(await this.#queue.stats(), { visible: 0, inFlight: 0, delayed: 0 });
  }

  async #do(next: Step): Promise<void> {
    switch (next.kind) {
      case "send":
        return this.#send(next.group, next.delayMs);
      case "receive":
        return this.#receive(next.max);
      case "advance":
        return this.#clock.advance(next.ms);
      case "delete":
      case "release": {
        const received = this.#messages.filter(({ receipt }) => receipt !== "");
        const message = received[next.which % Math.max(1, received.length)];
        if (message) await (next.kind === "delete" ? this.#delete(message) : this.#release(message));
      }
    }
  }

  async #send(group: string | undefined, delayMs: number): Promise<void> {
    const [sent] = await this.#queue.send([
      { body: new Uint8Array(), delayMs, ...(group === undefined ? {} : { group }) },
    ]);
    const visibleAtMs = this.#clock.now() + delayMs;
    this.#messages.push({ id: sent?.id ?? "", group, visibleAtMs, receiveCount: 0, receipt: "" });
  }

  async #receive(max: number): Promise<void> {
    const nowMs = this.#clock.now();
    const hadEligible = this.#messages.some((message) => this.#isEligible(message, new Set()));
    const received = await this.#queue.receive({ max, visibilityMs: 50 });
    assert(received.length <= max);
    assert.equal(received.length > 0, hadEligible, "a receive takes something exactly when something is to be had");
    const together = new Set<Expected>();
    for (const { id, receipt, receiveCount } of received) {
      const message = this.#messages.find((candidate) => candidate.id === id);
      assert(message, "only what was sent and not deleted is received");
      assert(this.#isEligible(message, together), "only what is visible, and first of its group, is received");
      together.add(message);
      Object.assign(message, { visibleAtMs: nowMs + 50, receipt, receiveCount: message.receiveCount + 1 });
      assert.equal(receiveCount, message.receiveCount);
    }
  }

  #isEligible(message: Expected, together: ReadonlySet<Expected>): boolean {
    if (message.visibleAtMs > this.#clock.now()) return false;
    if (message.group === undefined) return true;
    const earlier = this.#messages.slice(0, this.#messages.indexOf(message));
    return earlier.every((other) => other.group !== message.group || together.has(other));
  }

  async #delete(message: Expected): Promise<void> {
    assert.deepEqual(await this.#queue.delete([message.receipt]), [true]);
    this.#messages = this.#messages.filter((other) => other !== message);
  }

  async #release(message: Expected): Promise<void> {
    assert.equal(await this.#queue.changeVisibility(message.receipt, 0), true);
    message.visibleAtMs = this.#clock.now();
  }
}
