/**
 * Requests to every operation of Lambda that is here, made from its service model: those with one broken member are
 * refused in AWS's words and change nothing, those with two name both, and well-formed ones never make Hearth fail.
 * A new operation is among them by itself.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, test } from "node:test";
import { LambdaWorld } from "../../../test/support/lambda-world.ts";
import { serviceEntries } from "../../../tools/services.ts";
import type { Engine } from "../../engine/contract.ts";
import { lambdaConstraints } from "../generated/constraints-lambda.ts";
import { lambdaModel } from "../models.ts";
import { brokenInputs, withBoth, type BrokenInput } from "../self-check/broken-inputs.ts";
import { startLoopback, type Loopback } from "../self-check/loopback.ts";
import { modelRequest, send, type ModelAnswer } from "../self-check/model-request.ts";
import { ModelValues } from "../self-check/model-values.ts";
import type { Handlers } from "../service.ts";
import type { Operation } from "../wire/service-model.ts";

const model = lambdaModel();
const here = Object.keys(serviceEntries().find((entry) => entry.model.facts.name === "lambda")?.handlers ?? {});
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

let world: LambdaWorld;
let loopback: Loopback;

before(async () => {
  world = await LambdaWorld.open();
  watchWrites(world.lambda.engine);
  const handlers: Handlers = Object.fromEntries(
    here.map((name) => [name, (input: never, context) => world.lambda.call(name, input, context)]),
  );
  loopback = await startLoopback({ services: [{ model, handlers }] });
});

after(async () => {
  agent.destroy();
  await loopback[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** Undefined when there is no such request. */
async function ask(operation: Operation, input: Record<string, unknown>): Promise<ModelAnswer | undefined> {
  const request = modelRequest(model.facts, operation, input);
  return request && send(loopback.port, agent, "lambda", request);
}

/** How many records and blobs were written or deleted so far. */
const writes = { count: 0 };

function watchWrites({ records, blobs }: Engine): void {
  for (const [holder, name] of [
    [records, "put"],
    [records, "delete"],
    [blobs, "put"],
    [blobs, "delete"],
  ] as const) {
    const write = Reflect.get(holder, name) as (...args: unknown[]) => unknown;
    Reflect.set(holder, name, (...args: unknown[]) => {
      writes.count += 1;
      return write.apply(holder, args);
    });
  }
}

const violations = /^(\d+) validation errors? detected: Value /;

function countOf(answer: ModelAnswer): number {
  return Number(violations.exec(answer.text)?.[1] ?? 0);
}

for (const name of here) {
  const operation = model.operations.get(name);
  assert(operation !== undefined);

  test(`${name}: one broken member is refused, and nothing changes`, async () => {
    await world.restore();
    const writesBefore = writes.count;
    const values = new ModelValues(lambdaConstraints, world.known());

    const counted: { readonly broken: BrokenInput; readonly count: number }[] = [];
    for (const broken of brokenInputs(operation, values)) {
      const answer = await ask(operation, broken.input);

      if (answer === undefined) continue;
      const shown = `${broken.name}: ${answer.status} ${answer.body.slice(0, 500)}`;
      assert(answer.status >= 400 && answer.status < 500, shown);
      if (broken.kind === "constraint") {
        assert.equal(answer.code, "ValidationException", shown);
        assert.match(answer.text, violations, shown);
        counted.push({ broken, count: countOf(answer) });
      } else
        assert.match(
          answer.code,
          /^(SerializationException|InvalidRequestContentException|ValidationException)$/,
          shown,
        );
    }
    for (const [first, second] of pairsOf(counted)) {
      const answer = await ask(operation, withBoth(first.broken, second.broken));

      if (answer === undefined) continue;
      const shown = `${first.broken.name}, ${second.broken.name}: ${answer.body.slice(0, 500)}`;
      assert.equal(countOf(answer), first.count + second.count, shown);
    }
    assert.equal(writes.count, writesBefore);
  });

  test(`${name}: well-formed requests are done or refused as the caller's fault`, async () => {
    await world.restore();
    const values = new ModelValues(lambdaConstraints, world.known());

    await fc.assert(
      fc.asyncProperty(values.input(operation), async (input) => {
        const answer = await ask(operation, { ...world.usual(name), ...input });

        if (answer === undefined) return;
        assert(answer.status < 500, `${answer.status} ${answer.body.slice(0, 500)}`);
        if (answer.status >= 400) assert.notEqual(answer.code, "");
        await world.settle();
      }),
      { numRuns: 40 },
    );
    assert.deepEqual(loopback.failures, []);
  });
}

/** Neighbours in the list that are of different members. */
function pairsOf<T extends { readonly broken: BrokenInput }>(all: readonly T[]): (readonly [T, T])[] {
  return all.flatMap((first, index) => {
    const second = all.slice(index + 1).find(({ broken }) => broken.path[0] !== first.broken.path[0]);
    return second === undefined ? [] : [[first, second] as const];
  });
}
