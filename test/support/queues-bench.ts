/** SQS over a memory engine whose time stands still until a test advances it, behind a real endpoint. */
import { setImmediate } from "node:timers/promises";
import { startLoopback, type Loopback } from "../../src/aws/self-check/loopback.ts";
import { sqsModel } from "../../src/aws/sqs/sqs-model.ts";
import { sqsHandlers } from "../../src/aws/sqs/sqs-service.ts";
import { QueueService } from "../../src/control-plane/queues/queue-service.ts";
import { ManualClock } from "../../src/core/manual-clock.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";

export interface QueuesBench extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly engine: Engine;
  readonly queues: QueueService;
  /** What failed in the background; disposing tells of it. */
  readonly failures: unknown[];
}

/** Queues without a wire. An engine that is given is not closed. */
export async function openQueuesBench(given?: {
  readonly engine: Engine;
  readonly clock: ManualClock;
}): Promise<QueuesBench> {
  const clock = given?.clock ?? new ManualClock();
  let draws = 0;
  // Each number differs from the ones before: ids are made of them.
  const random = (): number => (++draws * 0.618_033_988_749_895) % 1;
  const engine = given?.engine ?? createMemoryEngine({ clock, random });
  const failures: unknown[] = [];
  let ids = 0;
  const queues = new QueueService({
    engine,
    clock,
    newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`,
    onError: (error) => failures.push(error),
  });
  await queues.start();
  return {
    clock,
    engine,
    queues,
    failures,
    async [Symbol.asyncDispose]() {
      await queues.close();
      if (given === undefined) await engine.close();
      if (failures.length > 0) throw new AggregateError(failures, "work in the background failed");
    },
  };
}

export interface SqsEndpoint extends AsyncDisposable {
  readonly url: string;
  readonly loopback: Loopback;
}

export async function serveQueues({ queues }: QueuesBench): Promise<SqsEndpoint> {
  const handlers = sqsHandlers({
    queues,
    identify: ({ scope: { account } }) =>
      Promise.resolve({ account, arn: `arn:aws:iam::${account}:root`, userId: account }),
  });
  const loopback = await startLoopback({ services: [{ model: await sqsModel(), handlers }] });
  return { url: loopback.url, loopback, [Symbol.asyncDispose]: () => loopback[Symbol.asyncDispose]() };
}

/** Settles a call: whenever it lies in wait, time goes on by `stepMs`. */
export async function advanceUntil<T>({ clock }: QueuesBench, call: Promise<T>, stepMs = 250): Promise<T> {
  /** The sweep of expired messages is always pending. */
  const idleTimers = 1;
  const state = { isSettled: false };
  const settle = (): void => {
    state.isSettled = true;
  };
  call.then(settle, settle);
  while (!state.isSettled) {
    await setImmediate();
    if (clock.pendingTimers > idleTimers) clock.advance(stepMs);
  }
  return call;
}
