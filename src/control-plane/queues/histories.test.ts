/**
 * Random histories of a queue against a model of it: nothing is lost, also when all is closed and opened again; nothing
 * comes twice within its visibility time; what was received too often lies in the dead-letter queue; a FIFO queue keeps the
 * order of each group and drops duplicates for five minutes.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openQueuesBench, type QueuesBench } from "../../../test/support/queues-bench.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Engine } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { openSqliteEngine } from "../../engine/sqlite/sqlite-engine.ts";
import type { MessageQueue } from "./message-queue.ts";
import { prepareMessage } from "./outgoing-message.ts";
import { queueArn, type QueueRef } from "./queue-record.ts";

const scope = { account: "111122223333", region: "eu-west-1" };
const maxReceiveCount = 3;
const dedupWindowMs = 300_000;

/** Where a history's queues lie. */
interface Ground {
  readonly clock: ManualClock;
  readonly engine: Engine;
  /** As after a restart of the process. */
  reopen(): Promise<void>;
}

interface Expected {
  readonly id: string;
  readonly body: string;
  readonly group: string;
  visibleAtMs: number;
  receives: number;
  handle: string;
}

type Step =
  | { readonly kind: "send"; readonly group: number; readonly delaySeconds: number; readonly dedup: number }
  | { readonly kind: "receive"; readonly max: number; readonly visibilitySeconds: number }
  | { readonly kind: "delete" | "release"; readonly which: number }
  | { readonly kind: "advance"; readonly seconds: number }
  | { readonly kind: "restart" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("send" as const),
      group: fc.integer({ min: 0, max: 2 }),
      delaySeconds: fc.constantFrom(0, 0, 5),
      dedup: fc.nat(15),
    }),
    fc.record({
      kind: fc.constant("receive" as const),
      max: fc.integer({ min: 1, max: 10 }),
      visibilitySeconds: fc.constantFrom(0, 5, 30),
    }),
    fc.record({ kind: fc.constantFrom("delete" as const, "release" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("advance" as const), seconds: fc.constantFrom(1, 5, 30, 299) }),
    fc.record({ kind: fc.constant("restart" as const) }),
  ),
  { maxLength: 60 },
);

class History {
  readonly #isFifo: boolean;
  readonly #ground: Ground;
  #bench: QueuesBench;
  readonly #queue: QueueRef;
  readonly #dead: QueueRef;
  /** In the order sent; what is deleted or given up leaves. */
  #present: Expected[] = [];
  /** Of each deduplication id, the first message that had it. */
  readonly #firsts = new Map<string, { readonly id: string; readonly untilMs: number }>();
  #sent = 0;

  private constructor(ground: Ground, bench: QueuesBench, isFifo: boolean) {
    this.#isFifo = isFifo;
    this.#ground = ground;
    this.#bench = bench;
    const suffix = isFifo ? ".fifo" : "";
    this.#queue = { scope, name: `q${suffix}` };
    this.#dead = { scope, name: `dead${suffix}` };
  }

  static async run(ground: Ground, isFifo: boolean, history: readonly Step[]): Promise<void> {
    const run = new History(ground, await openQueuesBench(ground), isFifo);
    await run.#begin();
    for (const step of history) await run.#do(step);
    await run.#drain();
    await run.#bench[Symbol.asyncDispose]();
  }

  async #begin(): Promise<void> {
    const type = this.#isFifo ? { FifoQueue: "true" } : {};
    await this.#bench.queues.create(this.#dead, type, {});
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(this.#dead), maxReceiveCount });
    await this.#bench.queues.create(this.#queue, { ...type, RedrivePolicy }, {});
  }

  get #nowMs(): number {
    return this.#ground.clock.now();
  }

  #messages(): Promise<MessageQueue> {
    return this.#bench.queues.messages(this.#queue);
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case "send":
        return this.#send(step);
      case "receive":
        return this.#receive(step.max, step.visibilitySeconds);
      case "advance":
        return this.#ground.clock.advance(step.seconds * 1000);
      case "restart":
        await this.#bench[Symbol.asyncDispose]();
        await this.#ground.reopen();
        this.#bench = await openQueuesBench(this.#ground);
        return;
      case "delete":
      case "release": {
        const inFlight = this.#present.filter(({ handle, visibleAtMs }) => handle !== "" && visibleAtMs > this.#nowMs);
        const message = inFlight[step.which % Math.max(1, inFlight.length)];
        if (message === undefined) return;
        const queue = await this.#messages();
        if (step.kind === "release") {
          await queue.changeVisibility(message.handle, 0);
          message.visibleAtMs = this.#nowMs;
        } else {
          await this.#delete(message);
        }
      }
    }
  }

  async #delete(message: Expected): Promise<void> {
    assert.deepEqual(await (await this.#messages()).delete([message.handle]), [undefined]);
    this.#present = this.#present.filter((each) => each !== message);
  }

  async #send({ group, delaySeconds, dedup }: Extract<Step, { kind: "send" }>): Promise<void> {
    const queue = await this.#messages();
    const body = `m${this.#sent++}`;
    const deduplicationId = `d${dedup}`;
    const order = this.#isFifo ? { groupId: `g${group}`, deduplicationId } : { delaySeconds };
    const [sent] = await queue.send([prepareMessage(queue.record.settings, { body, ...order }, "sender")]);
    assert(sent !== undefined);
    if (this.#isFifo) {
      const first = this.#firsts.get(deduplicationId);
      if (first !== undefined && this.#nowMs < first.untilMs) {
        assert.equal(sent.id, first.id, "a duplicate is answered as the first was");
        return;
      }
      this.#firsts.set(deduplicationId, { id: sent.id, untilMs: this.#nowMs + dedupWindowMs });
    }
    const visibleAtMs = this.#nowMs + (this.#isFifo ? 0 : delaySeconds * 1000);
    this.#present.push({ id: sent.id, body, group: `g${group}`, visibleAtMs, receives: 0, handle: "" });
  }

  async #receive(max: number, visibilitySeconds: number): Promise<void> {
    const visibleBefore = this.#present.filter((message) => this.#isDeliverable(message, new Set()));
    const received = await (await this.#messages()).receive({ max, visibilitySeconds });
    await this.#noteGivenUp();
    assert(received.length <= max);
    const together = new Set<Expected>();
    for (const { id, body, receiptHandle, receiveCount } of received) {
      const message = this.#present.find((each) => each.body === body);
      assert(message?.id === id, `${body} was sent, and neither deleted nor given up`);
      assert(this.#isDeliverable(message, together), `${body} is visible, and first of its group`);
      together.add(message);
      message.receives++;
      assert.equal(receiveCount, message.receives);
      assert(message.receives <= maxReceiveCount);
      message.handle = receiptHandle;
    }
    for (const message of together) message.visibleAtMs = this.#nowMs + visibilitySeconds * 1000;
    const isSomethingLeft = visibleBefore.some((message) => this.#present.includes(message));
    assert(received.length > 0 || !isSomethingLeft, "a receive takes something when something is to be had");
  }

  #isDeliverable(message: Expected, together: ReadonlySet<Expected>): boolean {
    if (message.visibleAtMs > this.#nowMs || together.has(message)) return false;
    if (!this.#isFifo) return true;
    const earlier = this.#present.slice(0, this.#present.indexOf(message));
    return earlier.every((other) => other.group !== message.group || together.has(other));
  }

  /** Takes over what has moved to the dead-letter queue: once each, and only what had its receives. */
  async #noteGivenUp(): Promise<void> {
    const dead = await this.#bench.queues.messages(this.#dead);
    for (;;) {
      const moved = await dead.receive({ max: 10, visibilitySeconds: 43_200 });
      if (moved.length === 0) return;
      for (const { id, body, receiveCount } of moved) {
        const message = this.#present.find((each) => each.body === body);
        assert(message?.id === id, `${body} is given up once`);
        assert.equal(message.receives, maxReceiveCount);
        assert.equal(receiveCount, maxReceiveCount + 1);
        this.#present = this.#present.filter((each) => each !== message);
      }
      await dead.delete(moved.map(({ receiptHandle }) => receiptHandle));
    }
  }

  /** In the end everything that was sent has been received and deleted, or was given up. */
  async #drain(): Promise<void> {
    for (let round = 0; this.#present.length > 0; round++) {
      assert(round < 200, "every message comes in the end");
      this.#ground.clock.advance(1000);
      await this.#receive(10, 30);
      const inFlight = this.#present.filter(({ handle, visibleAtMs }) => handle !== "" && visibleAtMs > this.#nowMs);
      for (const message of inFlight) await this.#delete(message);
    }
    const { visible, inFlight, delayed } = await (await this.#messages()).stats();
    assert.deepEqual({ visible, inFlight, delayed }, { visible: 0, inFlight: 0, delayed: 0 });
  }
}

async function inMemory(run: (ground: Ground) => Promise<void>): Promise<void> {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: Math.random });
  await run({ clock, engine, reopen: () => Promise.resolve() });
  await engine.close();
}

async function onDisk(run: (ground: Ground) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "hearth-histories-"));
  const clock = new ManualClock();
  let engine: Engine = await openSqliteEngine({ directory, clock });
  try {
    await run({
      clock,
      get engine() {
        return engine;
      },
      async reopen() {
        await engine.close();
        engine = await openSqliteEngine({ directory, clock });
      },
    });
  } finally {
    await engine.close();
    rmSync(directory, { recursive: true });
  }
}

for (const type of ["standard", "FIFO"] as const) {
  for (const [place, lay, numRuns] of [
    ["in memory", inMemory, 150],
    ["on disk", onDisk, 5],
  ] as const) {
    test(`random histories of a ${type} queue ${place} follow the model`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (history) => lay((ground) => History.run(ground, type === "FIFO", history))),
        { numRuns },
      );
    });
  }
}
