/**
 * What holds of every operation of a service, tried with requests made from its model: those with one broken member are
 * refused in AWS's words and write nothing, those with two name both, and well-formed ones never make Hearth fail. A new
 * operation is among them by itself. For tests.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, test } from "node:test";
import type { Engine } from "../../engine/contract.ts";
import type { Handlers } from "../service.ts";
import type { Constraints } from "../wire/constraints.ts";
import type { Operation, ServiceModel } from "../wire/service-model.ts";
import { brokenInputs, withBoth, type BrokenInput } from "./broken-inputs.ts";
import { startLoopback, type Loopback } from "./loopback.ts";
import { modelRequest, send, type ModelAnswer } from "./model-request.ts";
import { ModelValues, type KnownValues } from "./model-values.ts";

/** Things that requests can be about. */
export interface RequestedWorld extends AsyncDisposable {
  readonly engine: Engine;
  readonly handlers: Handlers;
  /** Makes whatever is not there (any more). */
  restore(): Promise<void>;
  /** Lets what requests began in the background end. */
  settle(): Promise<void>;
  /** Values that are of this world, by member. */
  known(): KnownValues;
  /** What requests to an operation hold that have a chance. */
  usual(operation: string): Record<string, unknown>;
}

export interface RequestProperties {
  readonly model: ServiceModel;
  readonly constraints: Constraints;
  readonly operations: readonly string[];
  /** Operations whose answers do not end. */
  readonly endless?: readonly string[];
  readonly open: () => Promise<RequestedWorld>;
}

/** Well-formed requests to each operation. */
const runs = 25;
/** Requests with two broken members, to each operation. */
const pairsMax = 20;

const violations = /^(\d+) validation errors? detected: Value /;
const unreadableCodes = new Set(["SerializationException", "InvalidRequestContentException"]);

/** Registers two tests for each operation. */
export function testRequests({ model, constraints, operations, endless = [], open }: RequestProperties): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { signingName, codes } = model.facts;
  let world: RequestedWorld;
  let loopback: Loopback;
  let writes: Writes;

  before(async () => {
    world = await open();
    writes = new Writes(world.engine);
    loopback = await startLoopback({ services: [{ model, handlers: world.handlers }] });
  });
  after(async () => {
    agent.destroy();
    await loopback[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  /** Undefined when there is no such request. */
  const ask = async (operation: Operation, input: Record<string, unknown>): Promise<ModelAnswer | undefined> => {
    const request = modelRequest(model.facts, operation, input);
    return request && send(loopback.port, agent, signingName, request);
  };

  for (const name of operations) {
    const operation = model.operations.get(name);
    assert(operation !== undefined, name);

    test(`${name}: broken members are refused, all of them together, and nothing changes`, async () => {
      await world.restore();
      const writesBefore = writes.count;

      const counted: Counted[] = [];
      for (const broken of brokenInputs(operation, new ModelValues(constraints, world.known()))) {
        const answer = await ask(operation, broken.input);
        if (answer === undefined) continue;
        const shown = `${broken.name}: ${answer.status} ${answer.code} ${answer.body.slice(0, 500)}`;
        assert(answer.status >= 400 && answer.status < 500, shown);
        if (broken.kind === "type") assert(unreadableCodes.has(answer.code) || answer.code === codes.validation, shown);
        else {
          assert.equal(answer.code, codes.validation, shown);
          assert.match(answer.text, violations, shown);
          counted.push({ broken, count: countOf(answer) });
        }
      }
      for (const [first, second] of pairsOf(counted)) {
        const answer = await ask(operation, withBoth(first.broken, second.broken));
        if (answer === undefined) continue;
        const shown = `${first.broken.name}, ${second.broken.name}: ${answer.body.slice(0, 500)}`;
        assert.equal(countOf(answer), first.count + second.count, shown);
      }
      assert.equal(writes.count, writesBefore);
    });

    if (endless.includes(name)) continue;
    test(`${name}: well-formed requests are done or refused as the caller's fault`, async () => {
      await world.restore();
      const values = new ModelValues(constraints, world.known());

      await fc.assert(
        fc.asyncProperty(values.input(operation), async (input) => {
          const answer = await ask(operation, { ...world.usual(name), ...input });
          if (answer === undefined) return;
          assert(answer.status < 500, `${answer.status} ${answer.body.slice(0, 500)}`);
          if (answer.status >= 400) assert.notEqual(answer.code, "");
          await world.settle();
        }),
        { numRuns: runs },
      );
      assert.deepEqual(loopback.failures, []);
    });
  }
}

/** How often anything durable was written or deleted. */
class Writes {
  count = 0;

  constructor({ records, blobs, streams, queues }: Engine) {
    this.#watch(records, ["put", "delete"]);
    this.#watch(blobs, ["put", "delete"]);
    this.#watch(streams, ["append"]);
    this.#watch(queues, ["open", "remove"]);
  }

  #watch<Store extends object>(store: Store, names: readonly (keyof Store & string)[]): void {
    for (const name of names) {
      const write = Reflect.get(store, name) as (...args: unknown[]) => unknown;
      assert.equal(typeof write, "function", name);
      Reflect.set(store, name, (...args: unknown[]) => {
        this.count += 1;
        return write.apply(store, args);
      });
    }
  }
}

interface Counted {
  readonly broken: BrokenInput;
  /** How many violations the answer names: a text may be both too short and against its pattern. */
  readonly count: number;
}

function countOf(answer: ModelAnswer): number {
  return Number(violations.exec(answer.text)?.[1] ?? 0);
}

/** Some breaches of different members, from all over the list. */
function pairsOf(all: readonly Counted[]): (readonly [Counted, Counted])[] {
  const step = Math.ceil(all.length / pairsMax);
  return all.flatMap((first, index) => {
    if (index % step !== 0) return [];
    const second = all.slice(index + 1).find(({ broken }) => broken.path[0] !== first.broken.path[0]);
    return second === undefined ? [] : [[first, second] as const];
  });
}
