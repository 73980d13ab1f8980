import { test } from "node:test";
import assert from "node:assert/strict";
import type { Key, Queue, QueueMessage } from "../../../src/engine/contract.ts";
import { bodyBytesMax } from "../../../src/engine/limits.ts";
import type { World } from "../engine.ts";

const name: Key = ["queue", "111111111111", "us-east-1", "q"];
const visibilityMs = 30_000;

export const textOf = (message: QueueMessage | undefined): string => Buffer.from(message?.body ?? []).toString();
export const bodyOf = (text: string): { body: Uint8Array } => ({ body: Buffer.from(text) });

async function receive(queue: Queue, max = 10): Promise<string[]> {
  return (await queue.receive({ max, visibilityMs })).map(textOf);
}

export function queuesContract(world: World): void {
  const openQueue = (): Promise<Queue> => world.engine.queues.open(name);

  test("a message is received with what was sent, and no more once it is deleted", async () => {
    const queue = await openQueue();
    const sentAtMs = world.clock.now();
    const [sent] = await queue.send([{ ...bodyOf("hello"), attributes: { trace: ["x", 1] } }]);
    world.clock.advance(10);

    const [message, ...others] = await queue.receive({ max: 10, visibilityMs });

    assert(message && sent);
    assert.deepEqual(others, []);
    assert.match(sent.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(textOf(message), "hello");
    assert.deepEqual(
      { ...message, body: undefined, receipt: undefined },
      {
        id: sent.id,
        body: undefined,
        receipt: undefined,
        attributes: { trace: ["x", 1] },
        sequence: sent.sequence,
        sentAtMs,
        firstReceivedAtMs: sentAtMs + 10,
        receiveCount: 1,
      },
    );
    assert.deepEqual(await queue.delete([message.receipt, message.receipt]), [true, false]);
    world.clock.advance(visibilityMs);
    assert.deepEqual(await receive(queue), []);
  });

  test("a message that is not deleted in time is received again, and its first receipt is stale", async () => {
    const queue = await openQueue();
    await queue.send([bodyOf("a")]);
    const [first] = await queue.receive({ max: 1, visibilityMs });
    assert(first);

    world.clock.advance(visibilityMs - 1);
    assert.deepEqual(await receive(queue), []);
    world.clock.advance(1);
    const [second] = await queue.receive({ max: 1, visibilityMs });

    assert(second);
    assert.equal(second.receiveCount, 2);
    assert.equal(second.firstReceivedAtMs, first.firstReceivedAtMs);
    assert.deepEqual(await queue.delete([first.receipt]), [false]);
    assert.equal(await queue.changeVisibility(first.receipt, 0), false);
    assert.deepEqual(await queue.delete([second.receipt]), [true]);
  });

  test("a late delete with the latest receipt still counts, until the message is received again", async () => {
    const queue = await openQueue();
    await queue.send([bodyOf("a")]);
    const [message] = await queue.receive({ max: 1, visibilityMs });

    world.clock.advance(visibilityMs + 1);

    assert.deepEqual(await queue.delete([message?.receipt ?? ""]), [true]);
    assert.deepEqual(await receive(queue), []);
  });

  test("the visibility of a received message can be shortened and extended from now", async () => {
    const queue = await openQueue();
    await queue.send([bodyOf("a")]);
    const [first] = await queue.receive({ max: 1, visibilityMs });
    world.clock.advance(1000);

    assert.equal(await queue.changeVisibility(first?.receipt ?? "", 60_000), true);
    world.clock.advance(59_999);
    assert.deepEqual(await receive(queue), []);
    assert.equal(await queue.changeVisibility(first?.receipt ?? "", 0), true);
    assert.deepEqual(await receive(queue), ["a"]);
    assert.equal(await queue.changeVisibility("no receipt", 0), false);
    assert.deepEqual(await queue.delete(["", "1.0", "x.y"]), [false, false, false]);
  });

  test("a delayed message is not received before its time", async () => {
    const queue = await openQueue();
    await queue.send([{ ...bodyOf("late"), delayMs: 5000 }, bodyOf("now")]);

    assert.deepEqual(await receive(queue), ["now"]);
    world.clock.advance(5000);
    assert.deepEqual(await receive(queue), ["late"]);
  });

  test("a waiting receive is woken by a send, by a delay's end and by a visibility's end", async () => {
    const queue = await openQueue();
    const wait = (): Promise<QueueMessage[]> => queue.receive({ max: 1, visibilityMs, waitMs: 3_600_000 });

    const forSend = wait();
    await queue.send([bodyOf("a")]);
    assert.equal(textOf((await forSend)[0]), "a");

    const forVisibility = wait();
    await parked(queue);
    world.clock.advance(visibilityMs);
    const [again] = await forVisibility;
    assert.equal(again?.receiveCount, 2);

    const forChange = wait();
    await parked(queue);
    await queue.changeVisibility(again?.receipt ?? "", 0);
    await queue.delete([(await forChange)[0]?.receipt ?? ""]);

    await queue.send([{ ...bodyOf("b"), delayMs: 1000 }]);
    const forDelay = wait();
    await parked(queue);
    world.clock.advance(1000);
    assert.equal(textOf((await forDelay)[0]), "b");
  });

  test("every one of many waiting receivers gets one of as many messages", async () => {
    const queue = await openQueue();
    const waiting = Array.from({ length: 20 }, () => queue.receive({ max: 1, visibilityMs, waitMs: 3_600_000 }));
    await parked(queue);

    await queue.send(Array.from({ length: 20 }, (_, index) => bodyOf(String(index))));

    const received = (await Promise.all(waiting)).map(([message]) => Number(textOf(message)));
    assert.deepEqual(
      received.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, index) => index),
    );
  });

  test("a wait ends empty at its time or when it is aborted", async () => {
    const queue = await openQueue();
    const abort = new AbortController();
    const timed = queue.receive({ max: 1, visibilityMs, waitMs: 1000 });
    const aborted = queue.receive({ max: 1, visibilityMs, waitMs: 60_000, signal: abort.signal });
    await parked(queue);

    world.clock.advance(1000);
    abort.abort();

    assert.deepEqual(await timed, []);
    assert.deepEqual(await aborted, []);
    assert.deepEqual(await queue.receive({ max: 1, visibilityMs, waitMs: 60_000, signal: abort.signal }), []);
    assert.equal(world.clock.pendingTimers, 0);
    await queue.send([bodyOf("a")]);
    assert.deepEqual(await receive(queue), ["a"], "an ended wait takes no message with it");
  });

  test("a deduplication id is accepted once in its window, even after the message is gone", async () => {
    const queue = await world.engine.queues.open(name, { dedupWindowMs: 1000 });
    const other = await world.engine.queues.open(["queue", "other"]);
    const message = { ...bodyOf("a"), dedupId: "x" };
    const sent = await queue.send([message, message, { ...message, dedupId: "y" }]);
    await queue.delete((await queue.receive({ max: 10, visibilityMs })).map(({ receipt }) => receipt));

    world.clock.advance(999);
    const [within] = await queue.send([message]);
    const [elsewhere] = await other.send([message]);
    world.clock.advance(1);
    const [after] = await queue.send([message]);

    assert.deepEqual(
      sent.map(({ deduplicated }) => deduplicated),
      [false, true, false],
    );
    assert.equal(sent[1]?.id, sent[0]?.id);
    assert.deepEqual(within, { ...sent[0], deduplicated: true });
    assert.equal(elsewhere?.deduplicated, false);
    assert.equal(after?.deduplicated, false);
    assert.notEqual(after?.id, sent[0]?.id);
  });

  test("statistics count what is visible, in flight and delayed, and the age of the oldest visible", async () => {
    const queue = await openQueue();
    assert.deepEqual(await queue.stats(), { visible: 0, inFlight: 0, delayed: 0 });
    await queue.send([bodyOf("a")]);
    world.clock.advance(10);
    const secondAtMs = world.clock.now();
    await queue.send([bodyOf("b"), { ...bodyOf("c"), delayMs: 100 }]);
    const [first] = await queue.receive({ max: 1, visibilityMs });

    assert.equal(textOf(first), "a");
    assert.deepEqual(await queue.stats(), { visible: 1, inFlight: 1, delayed: 1, oldestSentAtMs: secondAtMs });
    world.clock.advance(100);
    assert.deepEqual(await queue.stats(), { visible: 2, inFlight: 1, delayed: 0, oldestSentAtMs: secondAtMs });
    await queue.purge();
    assert.deepEqual(await queue.stats(), { visible: 0, inFlight: 0, delayed: 0 });
    assert.deepEqual(await queue.delete([first?.receipt ?? ""]), [false]);
  });

  test("queues of one name are one queue, of different accounts are strangers", async () => {
    const { queues } = world.engine;
    const mine = await queues.open(["queue", "1", "q"]);
    const theirs = await queues.open(["queue", "11", "q"]);
    await theirs.send([bodyOf("secret")]);
    const [message] = await theirs.receive({ max: 1, visibilityMs });

    assert.deepEqual(await receive(mine), []);
    assert.deepEqual(await mine.delete([message?.receipt ?? ""]), [false]);
    assert.equal(await mine.changeVisibility(message?.receipt ?? "", 0), false);
    await (await queues.open(["queue", "1", "q"])).send([bodyOf("a")]);
    assert.deepEqual(await receive(mine), ["a"]);
    assert.deepEqual(await queues.list(["queue", "1"]), [["queue", "1", "q"]]);
  });

  test("a removed queue takes its messages with it and refuses those who still hold it", async () => {
    const { queues } = world.engine;
    const queue = await openQueue();
    await queue.send([{ ...bodyOf("a"), dedupId: "x", delayMs: 1000 }]);
    const waiting = queue.receive({ max: 1, visibilityMs, waitMs: 60_000 });
    await parked(queue);

    await queues.remove(name);

    const isRemoved = { name: "QueueRemovedError" };
    await assert.rejects(waiting, isRemoved);
    await assert.rejects(queue.send([bodyOf("b")]), isRemoved);
    await assert.rejects(queue.stats(), isRemoved);
    const again = await openQueue();
    assert.deepEqual(await again.stats(), { visible: 0, inFlight: 0, delayed: 0 });
    assert.deepEqual((await again.send([{ ...bodyOf("b"), dedupId: "x" }]))[0]?.deduplicated, false);
    await assert.rejects(queue.receive({ max: 1, visibilityMs }), isRemoved);
    await queues.remove(["queue", "never", "there"]);
  });

  test("sequences rise with every message sent; a duplicate is answered with that of the first", async () => {
    const queue = await openQueue();
    const [first] = await queue.send([{ ...bodyOf("a"), dedupId: "x" }]);
    const others = await queue.send([bodyOf("b"), { ...bodyOf("c"), dedupId: "x" }, bodyOf("d")]);

    const [b, duplicate, d] = others;
    assert(first && b && duplicate && d);
    assert.deepEqual(duplicate, { ...first, deduplicated: true });
    assert(first.sequence < b.sequence && b.sequence < d.sequence);
    const received = await queue.receive({ max: 10, visibilityMs });
    assert.deepEqual(
      received.map(({ sequence }) => sequence),
      [first.sequence, b.sequence, d.sequence],
    );
  });

  test("a receipt can be good for the time of visibility only", async () => {
    const queue = await openQueue();
    await queue.send([bodyOf("a")]);
    const [message] = await queue.receive({ max: 1, visibilityMs });
    assert(message);
    const { receipt } = message;
    const whileInFlight = { whileInFlight: true };

    world.clock.advance(visibilityMs - 1);
    assert.equal(await queue.changeVisibility(receipt, 1000, whileInFlight), true);
    world.clock.advance(1000);

    assert.equal(await queue.changeVisibility(receipt, 1000, whileInFlight), false);
    assert.deepEqual(await queue.delete([receipt], whileInFlight), [false]);
    assert.deepEqual(await queue.holds([receipt, "no receipt"]), [true, false]);
    assert.deepEqual(await queue.delete([receipt]), [true]);
    assert.deepEqual(await queue.holds([receipt]), [false]);
  });

  test("messages expire in the order sent, in flight or not, a bounded number at a time", async () => {
    const queue = await openQueue();
    await queue.send([bodyOf("a"), { ...bodyOf("b"), delayMs: 5000 }, bodyOf("c")]);
    const [inFlight] = await queue.receive({ max: 1, visibilityMs });
    const groupOf = { group: "g" };
    await queue.send([{ ...bodyOf("d"), ...groupOf }]);
    world.clock.advance(10);
    const boundMs = world.clock.now();
    await queue.send([{ ...bodyOf("e"), ...groupOf }, bodyOf("f")]);

    assert.equal(await queue.expire(boundMs, 2), 2);
    assert.deepEqual(await queue.delete([inFlight?.receipt ?? ""]), [false]);
    assert.equal(await queue.expire(boundMs, 100), 2);
    assert.equal(await queue.expire(boundMs, 100), 0);

    assert.equal((await queue.stats()).visible, 2);
    assert.deepEqual(await receive(queue), ["e", "f"]);
    await assert.rejects(queue.expire(boundMs, 0), RangeError);
  });

  test("a message over 1 MiB is refused with its whole send, and a receive ends early at 8 MiB", async () => {
    const queue = await openQueue();
    const large = { body: new Uint8Array(bodyBytesMax) };
    await queue.send(Array.from({ length: 10 }, () => large));

    assert.equal((await queue.receive({ max: 10, visibilityMs })).length, 8);

    const tooLarge = { body: new Uint8Array(bodyBytesMax + 1) };
    await assert.rejects(queue.send([bodyOf("small"), tooLarge]), RangeError);
    await assert.rejects(queue.send([{ ...bodyOf("a"), delayMs: -1 }]), RangeError);
    await assert.rejects(queue.receive({ max: 0, visibilityMs }), RangeError);
    await assert.rejects(queue.receive({ max: 1, visibilityMs: Number.NaN }), RangeError);
    assert.equal((await queue.stats()).visible, 2);
  });
}

/** Resolves when the receives made before have looked at the queue and lie in wait. */
export async function parked(queue: Queue): Promise<void> {
  await queue.stats();
  await queue.stats();
}
