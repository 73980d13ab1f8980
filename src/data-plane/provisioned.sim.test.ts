/**
 * Random histories of functions with provisioned concurrency: calls, changes of what is wanted, aliases that move,
 * crashes, failing starts and inits, and lost workers, in any order. The fake worker states that no environment runs two
 * invocations; here it is checked that limits hold, that every call ends, and that in the end what is wanted is there,
 * and nothing else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UnavailableError } from "../core/errors.ts";
import {
  functionArn,
  functionPartKey,
  type AliasRecord,
  type ProvisionedConcurrencyRecord,
} from "../core/function-record.ts";
import { configurationOf, DataPlaneWorld, scope, settle } from "../../test/support/data-plane.ts";
import { environmentWaitMsMax } from "./assignment/waiting-line.ts";
import { sharesOf } from "./scaling/provisioning-plan.ts";

const accountConcurrency = 10;
const names = ["f0", "f1"];
const versions = ["1", "2"];
const requestedMax = 2;
/** Of all functions: what the control plane would have refused to exceed. */
const provisionedMax = names.length * 3 * requestedMax;
const life = { keepAliveMs: 1000, environmentLifeMsMax: 5000 };

const name = fc.constantFrom(...names);
const ms = fc.oneof(fc.nat(20), fc.nat(2000));
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant("invoke" as const),
      name,
      qualifier: fc.constantFrom("$LATEST", "1", "2", "live"),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("advance" as const), ms }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("provision" as const),
      name,
      qualifier: fc.constantFrom("1", "2", "live"),
      requested: fc.option(fc.integer({ min: 1, max: requestedMax }), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("point" as const),
      name,
      to: fc.constantFrom(...versions),
      weight: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      name,
      reserved: fc.option(fc.constant(3 * requestedMax), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      name,
      version: fc.constantFrom(...versions),
      goes: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const), ms }) },
);

/** Of an environment or a request: the same in every run, and different from one to the next. */
const luckOf = (id: string, salt: number): number => (parseInt(id.slice(-6), 16) + salt) % 1000;

test("over random histories what is provisioned is there in the end, limits hold and every call ends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 150 }), fc.nat(1000), async (history, salt) => {
      let troubled = true;
      let generation = 2;
      const world = await DataPlaneWorld.open({
        config: { accountConcurrency, ...life },
        behaviour: {
          startMs: ({ id }) => luckOf(id, salt) % 30,
          startError: ({ id }) =>
            troubled && luckOf(id, salt) % 17 === 0 ? new UnavailableError("no-capacity", "out of luck") : undefined,
          initialized: ({ id }) => !troubled || luckOf(id, salt) % 13 !== 0,
          handlerMs: ({ requestId }) => luckOf(requestId, salt) % 50,
          settleMs: ({ requestId }) => luckOf(requestId, salt) % 12,
          ends: ({ requestId }) => luckOf(requestId, salt) % 23 === 0,
        },
      });
      const wanted = new Map<string, ProvisionedConcurrencyRecord>();
      const aliases = new Map<string, AliasRecord>();
      for (const each of names) {
        await world.put(configurationOf(each));
        for (const version of versions) {
          const key = functionPartKey("function-version", scope, each, version);
          await world.engine.records.put(key, configurationOf(each, { version }));
        }
      }
      const open = new Set<Promise<string>>();
      const outcomes: Promise<string>[] = [];

      for (const event of history) {
        switch (event.do) {
          case "invoke": {
            const outcome = world
              .invoke(event.name, { qualifier: event.qualifier })
              .then(
                ({ kind }) => kind,
                (error) => (error instanceof UnavailableError ? "unavailable" : String(error)),
              )
              .finally(() => open.delete(outcome));
            open.add(outcome);
            outcomes.push(outcome);
            break;
          }
          case "advance":
            world.clock.advance(event.ms);
            break;
          case "provision": {
            const { qualifier, requested } = event;
            const key = functionPartKey("provisioned-concurrency", scope, event.name, qualifier);
            if (requested === undefined) {
              wanted.delete(key.join("/"));
              await world.engine.records.delete(key);
              break;
            }
            const record = { qualifier, requested, lastModifiedMs: world.clock.now() };
            wanted.set(key.join("/"), record);
            await world.engine.records.put(key, record);
            break;
          }
          case "point": {
            const other = versions.find((each) => each !== event.to) ?? "";
            const additionalVersionWeights = event.weight === undefined ? {} : { [other]: event.weight };
            const alias = { name: "live", functionVersion: event.to, description: "", additionalVersionWeights };
            aliases.set(event.name, { ...alias, revisionId: "1" });
            const key = functionPartKey("function-alias", scope, event.name, "live");
            await world.engine.records.put(key, { ...alias, revisionId: "1" });
            break;
          }
          case "reserve":
            await world.put(
              configurationOf(event.name),
              event.reserved === undefined ? {} : { reservedConcurrency: event.reserved },
            );
            break;
          case "change": {
            const key = functionPartKey("function-version", scope, event.name, event.version);
            if (event.goes) await world.engine.records.delete(key);
            if (event.goes) await settle();
            const configuration = configurationOf(event.name, { version: event.version, generation: generation++ });
            await world.engine.records.put(key, configuration);
            break;
          }
          case "crash": {
            const worker = world.workers.at(-1);
            const idle = worker?.live.filter(
              ({ state, spec }) => state === "idle" && world.dataPlane.environment(spec.id) !== undefined,
            );
            const victim = idle?.[event.which % Math.max(1, idle.length)];
            if (victim !== undefined) worker?.crash(victim.spec.id);
            break;
          }
          case "lose":
            world.workers.at(-1)?.lose();
            if (event.ms % 2 === 0) world.clock.advance(event.ms);
            await world.attach(world.worker.behaviour, world.worker.memoryMiB);
            break;
        }
        await settle();
        // A setting that changes under load is kept for every admission from then on; what is in flight goes on.
        assert(open.size <= accountConcurrency + provisionedMax, "calls beyond the limit are refused at once");
      }

      troubled = false;
      // Long enough for what has failed to be tried again, and for whoever waits to be told.
      for (let wait = 0; wait < 20; wait++) {
        world.clock.advance(environmentWaitMsMax / 2);
        await settle();
      }
      for (let wait = 0; wait < 40; wait++) {
        world.clock.advance(50);
        await settle();
      }
      assert.equal(open.size, 0, "every call ended");
      const expected = new Set(["executed", "throttled", "unavailable", "not-found"]);
      for (const outcome of await Promise.all(outcomes)) assert(expected.has(outcome), outcome);

      const targets = new Map<string, number>();
      for (const [key, record] of wanted) {
        const of = key.split("/")[3] ?? "";
        for (const [version, count] of sharesOf(record, aliases.get(of))) {
          targets.set(`${of}:${version}`, (targets.get(`${of}:${version}`) ?? 0) + count);
        }
      }
      const living = (): Map<string, number> => {
        const counts = new Map<string, number>();
        for (const { spec } of world.workers.at(-1)?.live ?? []) {
          assert.equal(spec.initializationType, "provisioned-concurrency", "what ran on demand has expired");
          const id = `${spec.functionName}:${spec.functionVersion}`;
          counts.set(id, (counts.get(id) ?? 0) + 1);
        }
        return counts;
      };
      for (const [key, record] of wanted) {
        const of = key.split("/")[3] ?? "";
        if (sharesOf(record, aliases.get(of)).size === 0) continue;
        const { status, available, reason } = world.dataPlane.provisioning.status(functionArn(scope, of), record);
        assert.deepEqual([status, available], ["READY", record.requested], reason);
      }
      for (const [version, count] of targets) assert((living().get(version) ?? 0) >= count, version);
      for (const version of living().keys()) assert(targets.has(version), `nobody wants ${version}`);

      for (const key of wanted.keys()) {
        const [, , , of = "", qualifier = ""] = key.split("/");
        await world.engine.records.delete(functionPartKey("provisioned-concurrency", scope, of, qualifier));
      }
      for (let wait = 0; wait < 4; wait++) {
        world.clock.advance(50);
        await settle();
      }
      assert.equal(world.workers.at(-1)?.live.length, 0, "nothing is left when nothing is wanted");
      await world.close();
    }),
    { numRuns: 60 },
  );
});
