import assert from "node:assert/strict";
import { test } from "node:test";
import {
  functionArn,
  functionKey,
  functionPartKey,
  type AliasRecord,
  type FunctionConfiguration,
  type FunctionRecord,
} from "../../core/function-record.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Key } from "../../engine/contract.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { configurationOf, scope } from "../../../test/support/data-plane.ts";
import { FunctionDirectory, type Resolution } from "./function-directory.ts";

const latest = configurationOf("f");
const record: FunctionRecord = { scope, name: "f", latest, active: latest, tags: {}, createdAtMs: 0 };
const one = configurationOf("f", { version: "1" });
const two = configurationOf("f", { version: "2", state: "Pending", stateReason: "The function is being created." });
const live: AliasRecord = {
  name: "live",
  functionVersion: "1",
  description: "",
  additionalVersionWeights: { 2: 0.5 },
  revisionId: "r",
};
const writes: readonly (readonly [Key, FunctionRecord | FunctionConfiguration | AliasRecord])[] = [
  [functionKey(scope, "f"), record],
  [functionPartKey("function-version", scope, "f", "1"), one],
  [functionPartKey("function-version", scope, "f", "2"), two],
  [functionPartKey("function-alias", scope, "f", "live"), live],
];

function show(resolution: Resolution): string {
  if (resolution.kind !== "found") return resolution.kind;
  return `${resolution.configuration.version} ${resolution.alias ?? ""}`.trim();
}

/** Everything that can be asked of the function. */
function seen(directory: FunctionDirectory): string[] {
  return [
    show(directory.resolve(scope, "f", undefined, () => 0)),
    show(directory.resolve(scope, "f", "1", () => 0)),
    show(directory.resolve(scope, "f", "01", () => 0)),
    show(directory.resolve(scope, "f", "live", () => 0)),
    show(directory.resolve(scope, "f", "live", () => 0.9)),
  ];
}

function permutations<T>(items: readonly T[]): (readonly T[])[] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item].concat(rest)));
}

test("records mean the same in whatever order they come and go", async () => {
  for (const order of permutations(writes)) {
    const engine = createMemoryEngine({ clock: new ManualClock(), random: () => 0 });
    const liveVersions: string[] = [];
    const deleted: string[] = [];
    const directory = new FunctionDirectory({
      onFunction: (_arn, _record, configurations) =>
        liveVersions.splice(0, Infinity, ...configurations.map(({ version }) => version)),
      onDeleted: (arn) => deleted.push(arn),
    });
    await directory.follow(engine.records);

    for (const [key, value] of order) await engine.records.put(key, value);
    assert.deepEqual(seen(directory), ["$LATEST", "1", "not-found", "not-ready", "1 live"]);
    assert.deepEqual(liveVersions.toSorted(), ["$LATEST", "1"]);

    for (const [key] of order.toReversed()) await engine.records.delete(key);
    assert.deepEqual(
      seen(directory),
      Array.from({ length: 5 }, () => "not-found"),
    );
    assert.deepEqual(deleted, [functionArn(scope, "f")]);
    directory.close();
    await engine.close();
  }
});

test("a function whose deletion has begun is gone, with its versions", async () => {
  const engine = createMemoryEngine({ clock: new ManualClock(), random: () => 0 });
  const deleted: string[] = [];
  const directory = new FunctionDirectory({ onFunction: () => {}, onDeleted: (arn) => deleted.push(arn) });
  await directory.follow(engine.records);
  for (const [key, value] of writes) await engine.records.put(key, value);

  await engine.records.put(functionKey(scope, "f"), { ...record, deleting: true });

  assert.deepEqual(
    seen(directory),
    Array.from({ length: 5 }, () => "not-found"),
  );
  assert.deepEqual([...directory.configurations()], []);
  assert.deepEqual(deleted, [functionArn(scope, "f")]);
  directory.close();
  await engine.close();
});

test("an alias whose version is not known is not found, under its own name", async () => {
  const engine = createMemoryEngine({ clock: new ManualClock(), random: () => 0 });
  const directory = new FunctionDirectory({ onFunction: () => {}, onDeleted: () => {} });
  await directory.follow(engine.records);
  await engine.records.put(functionKey(scope, "f"), record);
  await engine.records.put(functionPartKey("function-alias", scope, "f", "live"), live);

  assert.deepEqual(
    directory.resolve(scope, "f", "live", () => 0.9),
    {
      kind: "not-found",
      arn: functionArn(scope, "f", "live"),
    },
  );
  directory.close();
  await engine.close();
});
