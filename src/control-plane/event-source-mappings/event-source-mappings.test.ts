import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { ApiError, UnavailableError } from "../../core/errors.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Records } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { functionNotFound } from "../functions/refusals.ts";
import type { Functions } from "../functions/functions.ts";
import type { QueueRecord } from "../queues/queue-record.ts";
import { EventSourceMappings, type NewMapping } from "./event-source-mappings.ts";
import { eventSourceOf, queueSources, unknownSources, type EventSource } from "./event-sources.ts";
import { isSettled } from "./mapping-life.ts";
import { mappingsPrefix, type EventSourceMappingRecord } from "./mapping-record.ts";

const scope = { account: "000000000000", region: "us-east-1" };
const queue = (name: string): EventSource => {
  const source = eventSourceOf(`arn:aws:sqs:us-east-1:000000000000:${name}`);
  assert(source !== undefined);
  return source;
};
const settings = { batchSize: 10, filterPatterns: [] };
const mapping = (source: string, overrides: Partial<NewMapping> = {}): NewMapping => ({
  target: { name: "f" },
  source: queue(source),
  settingsOf: () => settings,
  enabled: true,
  tags: {},
  ...overrides,
});

/** Functions `f` and `g` exist, with Lambda's own timeout. */
const functions: Pick<Functions, "resolve"> = {
  resolve: (_scope, name) =>
    name === "f" || name === "g"
      ? (Promise.resolve({ configuration: { timeoutSeconds: 3 } }) as ReturnType<Functions["resolve"]>)
      : Promise.reject(functionNotFound(scope, name)),
};

class Bench {
  readonly clock = new ManualClock();
  readonly engine = createMemoryEngine({ clock: this.clock, random: Math.random });
  #ids = 0;
  mappings = this.#open();

  #open(): EventSourceMappings {
    return new EventSourceMappings({
      records: this.records(),
      functions,
      sources: unknownSources,
      clock: this.clock,
      newId: () => `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, "0")}`,
    });
  }

  /** Writes fail while this is true. */
  refusing = false;

  records(): Records {
    const { records } = this.engine;
    const refuse = (): void => {
      if (this.refusing) throw new UnavailableError("busy", "the engine refuses");
    };
    return {
      get: async (key) => records.get(key),
      put: async (key, value, expect) => {
        refuse();
        return records.put(key, value, expect);
      },
      delete: async (key, expect) => {
        refuse();
        return records.delete(key, expect);
      },
      list: async (prefix, options) => records.list(prefix, options),
      watch: async (prefix, onChange) => records.watch(prefix, onChange),
    };
  }

  async all(): Promise<EventSourceMappingRecord[]> {
    return (await this.engine.records.list<EventSourceMappingRecord>(mappingsPrefix)).map(({ value }) => value);
  }

  /** Lets what is due in the background happen. */
  async settle(advanceMs = 0): Promise<void> {
    this.clock.advance(advanceMs);
    for (let round = 0; round < 20; round++) await setImmediate();
  }

  /** A new run over the same records, as after a crash. */
  async restart(): Promise<void> {
    await this.mappings.close();
    this.mappings = this.#open();
    await this.mappings.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mappings.close();
    assert.equal(this.clock.pendingTimers, 0);
    await this.engine.close();
  }
}

test("a transition is shown until it has settled, and settles after a crash too", async () => {
  await using bench = new Bench();
  const { uuid, state } = await bench.mappings.create(scope, mapping("q"));
  assert.equal(state, "Creating");
  assert.equal((await bench.mappings.get(scope, uuid)).state, "Creating");
  await assert.rejects(bench.mappings.delete(scope, uuid), { code: "ResourceInUseException" });

  await bench.restart();
  await bench.settle();

  assert.equal((await bench.mappings.get(scope, uuid)).state, "Enabled");
  assert.equal((await bench.mappings.delete(scope, uuid)).state, "Deleting");
  await bench.settle();
  await assert.rejects(bench.mappings.get(scope, uuid), {
    code: "ResourceNotFoundException",
    message: "The resource you requested does not exist.",
  });
});

test("a step that the engine refuses is tried again", async () => {
  await using bench = new Bench();
  const { uuid } = await bench.mappings.create(scope, mapping("q"));

  bench.refusing = true;
  await bench.settle();
  assert.equal((await bench.mappings.get(scope, uuid)).state, "Creating");
  bench.refusing = false;
  await bench.settle(1000);

  assert.equal((await bench.mappings.get(scope, uuid)).state, "Enabled");
});

test("of clients that connect the same source and function at once, one succeeds", async () => {
  await using bench = new Bench();

  const outcomes = await Promise.allSettled([1, 2, 3].map(async () => bench.mappings.create(scope, mapping("q"))));

  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  const [existing] = await bench.all();
  await assert.rejects(bench.mappings.create(scope, mapping("q")), {
    code: "ResourceConflictException",
    message:
      'An event source mapping with SQS arn (" arn:aws:sqs:us-east-1:000000000000:q ") and function (" f ") ' +
      `already exists. Please update or delete the existing mapping with UUID ${existing?.uuid}`,
  });
  const alias = await bench.mappings.create(scope, mapping("q", { target: { name: "f", qualifier: "live" } }));
  assert.equal(alias.qualifier, "live");
});

test("a mapping that moves to another function must not meet one that is there", async () => {
  await using bench = new Bench();
  await bench.mappings.create(scope, mapping("q"));
  const { uuid } = await bench.mappings.create(scope, mapping("q", { target: { name: "g" } }));
  await bench.settle();

  const move = async (name: string): Promise<EventSourceMappingRecord> =>
    bench.mappings.update(scope, uuid, { target: { name }, settingsOf: ({ settings: kept }) => kept });
  await assert.rejects(move("f"), { code: "ResourceConflictException" });
  await assert.rejects(move("nobody"), { code: "InvalidParameterValueException", message: "Function does not exist" });
  assert.equal((await move("g")).state, "Updating");
});

const nonExistentQueue =
  "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. " +
  "SQS Error Message: The specified queue does not exist.";

for (const [what, sources, message] of [
  ["is known to be absent", { exists: () => Promise.resolve("no" as const) }, nonExistentQueue],
  [
    "belongs to another account",
    { exists: () => Promise.resolve("forbidden" as const) },
    "The function execution role does not have permissions to call ReceiveMessage on SQS",
  ],
  [
    "nothing reads from",
    { isRead: () => false },
    "Hearth does not read from SQS queues yet. Event source mappings take SQS queues only.",
  ],
  [
    "would give its messages to others while the function runs",
    { visibilitySecondsOf: () => 2 },
    "Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds",
  ],
] as const) {
  test(`a source that ${what} is refused`, async () => {
    await using bench = new Bench();
    const mappings = new EventSourceMappings({
      records: bench.engine.records,
      functions,
      sources: { ...unknownSources, ...sources },
      clock: bench.clock,
      newId: () => "never",
    });

    await assert.rejects(mappings.create(scope, mapping("q")), { code: "InvalidParameterValueException", message });
    assert.deepEqual(await bench.all(), []);
  });
}

const arnOf = (account: string, name: string): string => `arn:aws:sqs:us-east-1:${account}:${name}`;
const kinds = ["sqs", "kinesis", "dynamodb", "msk", "self-managed-kafka", "mq", "documentdb"] as const;

test("queues are known by their records, and no other kind is read from", async () => {
  const record = { settings: { visibilitySeconds: 30 } } as QueueRecord;
  const sources = queueSources({ find: ({ name }) => (name === "q" ? record : undefined) });

  assert.deepEqual(
    kinds.filter((kind) => sources.isRead(kind)),
    ["sqs"],
  );
  assert.equal(await sources.exists(arnOf(scope.account, "q"), scope), "yes");
  assert.equal(await sources.exists(arnOf(scope.account, "p"), scope), "no");
  assert.equal(await sources.exists(arnOf("111111111111", "q"), scope), "forbidden");
  assert.equal(sources.visibilitySecondsOf(arnOf(scope.account, "q")), 30);
  assert.equal(sources.visibilitySecondsOf(arnOf(scope.account, "p")), undefined);
});

test("what is disabled or deleted is so when nothing reads any more", async () => {
  await using bench = new Bench();
  const { promise, resolve } = Promise.withResolvers<void>();
  const stopped: string[] = [];
  const mappings = new EventSourceMappings({
    records: bench.engine.records,
    functions,
    sources: unknownSources,
    readers: {
      stopped({ uuid, state }) {
        stopped.push(`${uuid} ${state}`);
        return state === "Disabling" ? promise : Promise.resolve();
      },
    },
    clock: bench.clock,
    newId: () => "00000000-0000-4000-8000-000000000001",
  });
  const { uuid } = await mappings.create(scope, mapping("q"));
  await bench.settle();

  await mappings.update(scope, uuid, { enabled: false, settingsOf: () => settings });
  await bench.settle();
  assert.equal((await mappings.get(scope, uuid)).state, "Disabling");
  resolve();
  await bench.settle();

  assert.equal((await mappings.get(scope, uuid)).state, "Disabled");
  assert.equal(stopped.at(-1), `${uuid} Disabling`);
  await mappings.close();
});

type Step =
  | { readonly kind: "create"; readonly source: string; readonly enabled: boolean }
  | { readonly kind: "update"; readonly pick: number; readonly enabled: boolean | undefined }
  | { readonly kind: "delete"; readonly pick: number }
  | { readonly kind: "settle" }
  | { readonly kind: "restart" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("create" as const), source: fc.constantFrom("a", "b"), enabled: fc.boolean() }),
    fc.record({
      kind: fc.constant("update" as const),
      pick: fc.nat(2),
      enabled: fc.constantFrom(true, false, undefined),
    }),
    fc.record({ kind: fc.constant("delete" as const), pick: fc.nat(2) }),
    fc.constant({ kind: "settle" as const }),
    fc.constant({ kind: "restart" as const }),
  ),
  { maxLength: 25 },
);

async function take(bench: Bench, step: Step): Promise<void> {
  const picked = async (pick: number): Promise<string> => (await bench.all())[pick]?.uuid ?? "nothing";
  switch (step.kind) {
    case "create":
      await bench.mappings.create(scope, mapping(step.source, { enabled: step.enabled }));
      return;
    case "update":
      await bench.mappings.update(scope, await picked(step.pick), {
        ...(step.enabled === undefined ? {} : { enabled: step.enabled }),
        settingsOf: (current) => current.settings,
      });
      return;
    case "delete":
      await bench.mappings.delete(scope, await picked(step.pick));
      return;
    case "settle":
      await bench.settle();
      return;
    case "restart":
      await bench.restart();
  }
}

test("property: whatever is done in whatever order, all settles, as it was wanted, and no two are alike", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      await using bench = new Bench();
      for (const step of sequence) {
        await take(bench, step).catch((error: unknown) => {
          if (!(error instanceof ApiError)) throw error;
        });
        const arns = (await bench.all()).map(({ source }) => JSON.stringify(source));
        assert.equal(new Set(arns).size, arns.length);
      }

      await bench.settle();

      for (const { state, enabled } of await bench.all()) {
        assert(isSettled(state));
        assert.equal(state, enabled ? "Enabled" : "Disabled");
      }
    }),
    { numRuns: 60 },
  );
});
