import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "node:test";
import { MemoryRecords } from "../memory/records.ts";
import { Lifetime } from "./lifetime.ts";
import { FrontRecords } from "./records.ts";

test("what a get or a list shows, the watches know already, although the reader saw it before", async () => {
  const stored = new MemoryRecords();
  const answers: (() => void)[] = [];
  // As a thread does it: what is written can be read before the answer has arrived.
  const late =
    <A extends unknown[], R>(call: (...given: A) => R) =>
    async (...given: A): Promise<R> => {
      const result = call(...given);
      await new Promise<void>((resolve) => answers.push(resolve));
      return result;
    };
  const records = new FrontRecords(
    { put: late((write) => stored.put(write)), delete: late((write) => stored.delete(write)) },
    stored,
    new Lifetime(),
  );
  const order: string[] = [];
  await records.watch(["f"], () => order.push("watch"));

  const put = records.put(["f", "a"], 1);
  const got = records.get(["f", "a"]).then((entry) => order.push(`get ${JSON.stringify(entry?.value)}`));
  const listed = records.list(["f"]).then((entries) => order.push(`list ${entries.length}`));
  await nextTurn();
  assert.deepEqual(order, []);
  answers.shift()?.();
  await Promise.all([put, got, listed]);
  assert.deepEqual(order, ["watch", "get 1", "list 1"]);

  // A write that changes nothing here holds nobody up.
  const other = records.put(["g", "b"], 2);
  assert.equal((await records.get(["f", "a"]))?.value, 1);
  answers.shift()?.();
  await other;
});
