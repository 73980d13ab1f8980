import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Key, RecordChange, RecordEntry, Revision } from "../../../src/engine/contract.ts";
import { documentBytesMax } from "../../../src/engine/limits.ts";
import type { World } from "../engine.ts";

const keyOf = (...names: string[]): Key => ["function", "111111111111", "us-east-1", ...names];

export function recordsContract(world: World): void {
  test("a document is read back as it was put, until it is deleted", async () => {
    const { records } = world.engine;
    const document = { name: "résumé \u{1F525} \u0000", list: [1, null, { deep: true }] };

    const put = await records.put(keyOf("f"), document);

    assert(put.written);
    assert.deepEqual(await records.get(keyOf("f")), { key: keyOf("f"), value: document, revision: put.revision });
    assert.equal((await records.delete(keyOf("f"))).written, true);
    assert.equal(await records.get(keyOf("f")), undefined);
    assert.equal((await records.delete(keyOf("f"))).written, true, "deleting what is absent succeeds");
  });

  test("a caller's change to what it put or got changes nothing stored", async () => {
    const { records } = world.engine;
    const document = { tags: ["a"] };

    const writing = records.put(keyOf("f"), document);
    document.tags.push("b");
    await writing;

    const got = await records.get<{ tags: string[] }>(keyOf("f"));
    assert.deepEqual(got?.value, { tags: ["a"] });
  });

  test("a write is refused unless the record has the expected revision, and shows what is there", async () => {
    const { records } = world.engine;
    const first = await records.put(keyOf("f"), 1, "absent");
    assert(first.written);

    const taken = await records.put(keyOf("f"), 2, "absent");
    const second = await records.put(keyOf("f"), 2, first.revision);
    const stale = await records.put(keyOf("f"), 3, first.revision);
    const staleDelete = await records.delete(keyOf("f"), first.revision);

    assert(second.written);
    const current = { key: keyOf("f"), value: 2, revision: second.revision };
    assert.deepEqual(taken, { written: false, current: { ...current, value: 1, revision: first.revision } });
    assert.deepEqual(stale, { written: false, current });
    assert.deepEqual(staleDelete, { written: false, current });
    assert.deepEqual(await records.delete(keyOf("g"), second.revision), { written: false, current: undefined });
  });

  test("of writers that expect the same revision exactly one wins", async () => {
    const { records } = world.engine;

    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, writer) => records.put(keyOf("f"), writer, "absent")),
    );

    assert.equal(outcomes.filter((outcome) => outcome.written).length, 1);
  });

  test("a revision of a deleted record never comes again", async () => {
    const { records } = world.engine;
    const first = await records.put(keyOf("f"), 1);
    assert(first.written);
    await records.delete(keyOf("f"));

    const again = await records.put(keyOf("f"), 1);

    assert(again.written);
    assert(again.revision > first.revision);
  });

  test("a list holds the keys under a prefix in order, and pages through them", async () => {
    const { records } = world.engine;
    const names = ["a", "a!", "a\u0000", "b", "b\u0001c", "\uFFFD", "\u{1F525}", "ab", "\u0002"];
    for (const name of names) await records.put(keyOf(name, "x"), name);
    await records.put(keyOf("a"), "the prefix itself");

    const all = await records.list<string>(keyOf());
    const below = await records.list<string>(keyOf("a"));
    const [page, rest] = [
      await records.list<string>(keyOf(), { limit: 4 }),
      await records.list<string>(keyOf(), { after: keyOf("a!", "x") }),
    ];

    const expected = [keyOf("a"), ...names.map((name) => keyOf(name, "x"))].toSorted(compareKeys);
    assert.deepEqual(keysOf(all), expected);
    assert.deepEqual(keysOf(below), [keyOf("a"), keyOf("a", "x")]);
    assert.deepEqual(keysOf(page), expected.slice(0, 4));
    assert.deepEqual(keysOf(rest), expected.slice(expected.findIndex((key) => key[3] === "a!") + 1));
  });

  test("an account never sees what belongs to an account whose name starts with its own", async () => {
    const { records } = world.engine;
    const changes: RecordChange<string>[] = [];
    await records.put(["function", "1", "us-east-1", "f"], "mine");
    await records.put(["function", "11", "us-east-1", "f"], "theirs");
    await records.put(["function", "1\u0001", "us-east-1", "f"], "theirs");
    using _watch = stopLater(await records.watch<string>(["function", "1"], (change) => changes.push(change)));
    await records.put(["function", "1\u0000", "us-east-1", "f"], "theirs");

    const listed = await records.list<string>(["function", "1"]);

    assert.deepEqual(
      listed.map((entry) => entry.value),
      ["mine"],
    );
    assert.deepEqual(changes.map(valueOf), ["mine"]);
  });

  test("a watch delivers what is there, then every change before its writer goes on, until it is stopped", async () => {
    const { records } = world.engine;
    const seen: unknown[] = [];
    await records.put(keyOf("a"), 1);

    const watch = await records.watch<number>(keyOf(), (change) => seen.push([change.kind, valueOf(change)]));
    assert.deepEqual(seen, [["put", 1]]);

    await records.put(keyOf("b"), 2);
    assert.deepEqual(seen.at(-1), ["put", 2]);
    await records.delete(keyOf("a"));
    assert.deepEqual(seen.at(-1), ["delete", undefined]);
    await records.put(keyOf("b"), 3, "absent");
    await records.put(["other"], 4);
    watch.stop();
    await records.put(keyOf("b"), 5);
    assert.equal(seen.length, 3);
  });

  test("a watch that starts among writes misses none and delivers none twice", async () => {
    const { records } = world.engine;
    const seen: number[] = [];
    const write = (index: number): Promise<unknown> => records.put(keyOf(`k${index}`), index);

    const before = Array.from({ length: 300 }, (_, index) => write(index));
    const watching = records.watch<number>(keyOf(), (change) => void seen.push(valueOf(change) ?? -1));
    const during = Array.from({ length: 300 }, (_, index) => write(300 + index));
    const watch = await watching;
    await Promise.all([...before, ...during, write(600)]);
    watch.stop();

    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 601 }, (_, index) => index),
    );
  });

  test("a document over 1 MiB, a value that is no JSON, and a key that is no text are refused", async () => {
    const { records } = world.engine;
    const overhead = '""'.length;

    assert.equal((await records.put(keyOf("f"), "x".repeat(documentBytesMax - overhead))).written, true);

    await assert.rejects(records.put(keyOf("f"), "x".repeat(documentBytesMax)), RangeError);
    await assert.rejects(records.put(keyOf("f"), undefined), RangeError);
    await assert.rejects(records.put(keyOf("\uD800"), 1), RangeError);
    await assert.rejects(records.put(keyOf(""), 1), RangeError);
    await assert.rejects(records.put(keyOf("x".repeat(3000)), 1), RangeError);
    await records.delete(keyOf("f"));
  });

  test("any sequence of writes leaves what a map with revisions would hold, and watches agree", async () => {
    const { records } = world.engine;
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(writes, { maxLength: 25 }), async (steps) => {
        const root: Key = ["model", String(run++)];
        const model = new Map<string, { value: number; revision: Revision }>();
        const watched = new Map<string, number>();
        using _watch = stopLater(
          await records.watch<number>(root, (change) => {
            if (change.kind === "put") watched.set(change.entry.key[2] ?? "", change.entry.value);
            else watched.delete(change.key[2] ?? "");
          }),
        );
        for (const { name, value, expectation } of steps) {
          const held = model.get(name);
          const stale = (held?.revision ?? 0) + 1_000_000_000;
          const expect = { any: undefined, current: held?.revision, stale: stale as Revision }[expectation];
          const key: Key = [...root, name];
          const outcome =
            value === undefined ? await records.delete(key, expect) : await records.put<number>(key, value, expect);
          assert.equal(outcome.written, expectation !== "stale");
          if (!outcome.written) continue;
          if (value === undefined) model.delete(name);
          else model.set(name, { value, revision: outcome.revision });
        }
        const listed = await records.list<number>(root);
        const byName = new Map(listed.map(({ key, value, revision }) => [key[2], { value, revision }]));
        assert.deepEqual(byName, model);
        assert.deepEqual(watched, new Map([...model].map(([name, { value }]) => [name, value])));
      }),
      { numRuns: 30 },
    );
  });
}

const writes = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  value: fc.option(fc.nat(), { nil: undefined }),
  expectation: fc.constantFrom("any", "current", "stale"),
});

function keysOf(entries: readonly RecordEntry<unknown>[]): Key[] {
  return entries.map((entry) => entry.key);
}

function valueOf<T>(change: RecordChange<T>): T | undefined {
  return change.kind === "put" ? change.entry.value : undefined;
}

/** By UTF-8 bytes segment by segment, the slow and obvious way. */
function compareKeys(a: Key, b: Key): number {
  for (const [index, segment] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = Buffer.compare(Buffer.from(segment), Buffer.from(other));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function stopLater(watch: { stop(): void }): Disposable {
  return { [Symbol.dispose]: () => watch.stop() };
}
