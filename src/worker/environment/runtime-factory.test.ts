import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { harness, testSpec, until } from "../testing/harness.ts";
import { echoRuntime } from "../testing/runtime-client.ts";

/** Several times as many as are made at once. */
const wanted = 20 * availableParallelism();

test("a function's sandbox does not wait for all those that another function wants", async () => {
  const unpooled = { environment: { NODE_OPTIONS: "--no-warnings" } };
  const creations: (() => void)[] = [];
  await using h = harness(echoRuntime, {
    driver: { beforeCreate: () => new Promise<void>((resolve) => creations.push(resolve)) },
  });
  const many = Array.from({ length: wanted }, () => h.worker.createEnvironment(testSpec(unpooled)));
  const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:other";
  const ready: string[] = [];
  const other = h.worker.createEnvironment(testSpec({ ...unpooled, functionArn })).then(() => ready.push("other"));

  let done = 0;
  for (; ready.length === 0; done++) {
    await until(() => ready.length > 0 || creations.length > done);
    creations[done]?.();
    await setImmediate();
  }

  assert(done < wanted / 2, `after ${done} of ${wanted}`);
  while (done <= wanted) {
    await until(() => creations.length > done);
    creations[done++]?.();
  }
  await Promise.all([...many, other]);
});

test("a sandbox whose environment is destroyed before its turn is never made", async () => {
  const unpooled = { environment: { NODE_OPTIONS: "--no-warnings" } };
  const creations: (() => void)[] = [];
  await using h = harness(echoRuntime, {
    driver: { beforeCreate: () => new Promise<void>((resolve) => creations.push(resolve)) },
  });
  const specs = Array.from({ length: wanted }, () => testSpec(unpooled));
  const started = Promise.allSettled(specs.map((spec) => h.worker.createEnvironment(spec)));
  await until(() => creations.length > 0);
  await setImmediate();
  const underWay = creations.length;

  const destroyed = Promise.all(specs.map(({ id }) => h.worker.destroyEnvironment(id)));
  for (const { status } of await started) assert.equal(status, "rejected");
  for (const create of creations) create();
  await destroyed;

  assert.equal(creations.length, underWay);
  assert(underWay < wanted);
});
