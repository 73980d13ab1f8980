import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/manual-clock.ts";
import { changeEntry, changeRecord, retryOvertaken } from "./change-record.ts";
import type { Key, Records } from "./contract.ts";
import { createMemoryEngine } from "./memory/memory-engine.ts";

interface Count {
  readonly count: number;
}

const key: Key = ["count"];

async function withRecords(run: (records: Records) => Promise<void>): Promise<void> {
  const engine = createMemoryEngine({ clock: new ManualClock(), random: () => 0 });
  await run(engine.records);
  await engine.close();
}

const incremented = (record: Count | undefined): Count => ({ count: (record?.count ?? 0) + 1 });

const unlessTwo = (record: Count | undefined): Count | undefined => (record?.count === 2 ? record : undefined);

const refuse = (): Count => {
  throw new RangeError("refused");
};

/** Records whose key somebody else writes or deletes between each read and the write that follows it. */
function overtaken(records: Records, others: Iterator<() => Promise<unknown>>): Records {
  return {
    get: async (read) => {
      const entry = await records.get<never>(read);
      const next = others.next();
      if (next.done !== true) await next.value();
      return entry;
    },
    put: records.put.bind(records),
    delete: records.delete.bind(records),
    list: records.list.bind(records),
    watch: records.watch.bind(records),
  };
}

test("a record that is absent is made, and one that is there is changed", async () => {
  await withRecords(async (records) => {
    const made = await changeEntry(records, key, incremented);
    assert.deepEqual([made.before, made.after], [undefined, { count: 1 }]);
    assert.equal((await records.get(key))?.revision, made.revision);

    assert.deepEqual(await changeRecord(records, key, incremented), { count: 2 });
    assert.deepEqual((await records.get(key))?.value, { count: 2 });
  });
});

test("a change to undefined removes the record, and does nothing where there is none", async () => {
  await withRecords(async (records) => {
    await records.put(key, { count: 1 });
    const removed = await changeEntry<Count, undefined>(records, key, () => undefined);
    assert.deepEqual(removed.before, { count: 1 });
    assert.notEqual(removed.revision, undefined);
    assert.equal(await records.get(key), undefined);

    const { revision } = await changeEntry<Count, undefined>(records, key, () => undefined);
    assert.equal(revision, undefined);
  });
});

test("a change that returns the record itself writes nothing", async () => {
  await withRecords(async (records) => {
    await records.put(key, { count: 1 });
    const before = await records.get(key);

    const changed = await changeEntry<Count, Count | undefined>(records, key, (record) => record);

    assert.deepEqual(changed, { before: { count: 1 }, after: { count: 1 }, revision: undefined });
    assert.deepEqual(await records.get(key), before);
  });
});

test("a change that throws writes nothing", async () => {
  await withRecords(async (records) => {
    await records.put(key, { count: 1 });

    await assert.rejects(changeRecord(records, key, refuse), new RangeError("refused"));

    assert.deepEqual((await records.get(key))?.value, { count: 1 });
  });
});

test("a change that others overtake decides again on what they left", async () => {
  await withRecords(async (records) => {
    const others = [
      async (): Promise<unknown> => records.put(key, { count: 10 }),
      async (): Promise<unknown> => records.put(key, { count: 20 }),
      async (): Promise<unknown> => records.delete(key),
      async (): Promise<unknown> => records.put(key, { count: 30 }),
    ];
    const seen: (number | undefined)[] = [];

    await changeRecord(overtaken(records, others.values()), key, (record: Count | undefined) => {
      seen.push(record?.count);
      return incremented(record);
    });

    assert.deepEqual(seen, [undefined, 10, 20, undefined, 30]);
    assert.deepEqual((await records.get(key))?.value, { count: 31 });
  });
});

test("a removal that others overtake decides again on what they left", async () => {
  await withRecords(async (records) => {
    await records.put(key, { count: 1 });
    const others = [async (): Promise<unknown> => records.put(key, { count: 2 })];

    await changeRecord(overtaken(records, others.values()), key, unlessTwo);

    assert.deepEqual((await records.get(key))?.value, { count: 2 });
  });
});

test("a change that others overtake each time gives up, and says on what", async () => {
  await withRecords(async (records) => {
    let writes = 0;
    const others = (function* (): Generator<() => Promise<unknown>, void> {
      for (;;) yield async () => records.put(key, { count: ++writes });
    })();

    await assert.rejects(
      changeRecord(overtaken(records, others), key, () => ({ count: -1 })),
      {
        name: "UnavailableError",
        reason: "busy",
        message: "count is being changed by too many clients at once",
      },
    );

    assert.equal(writes, 50);
    assert.deepEqual((await records.get(key))?.value, { count: 50 });
  });
});

test("twenty changes at once are all done", async () => {
  await withRecords(async (records) => {
    await Promise.all(Array.from({ length: 20 }, async () => changeRecord(records, key, incremented)));

    assert.deepEqual((await records.get(key))?.value, { count: 20 });
  });
});

test("what takes several records is attempted until no other change came first", async () => {
  const answers = [undefined, undefined, { version: 3 }];

  assert.deepEqual(await retryOvertaken("function f", async () => answers.shift()), { version: 3 });
  assert.deepEqual(answers, []);
});
