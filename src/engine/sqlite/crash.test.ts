/**
 * Kills a writing process at random moments and looks at what it left: everything that it had been told is durable, and
 * nothing that is half there.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import assert from "node:assert/strict";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Engine, Queue, QueueMessage } from "../contract.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const rounds = 5;
/** The largest number of acknowledgements before the kill. */
const acknowledgementsMax = 400;

interface Acknowledged {
  readonly records: Map<string, number>;
  readonly messages: Set<string>;
  /** About to be deleted: may be there or not. */
  readonly deleting: Set<string>;
  readonly deleted: Set<string>;
  readonly entries: Set<string>;
  readonly blobs: Set<string>;
}

test("whatever was acknowledged before kill -9 in mid-write is there afterwards, whole, and in order", async () => {
  const directory = mkdtempSync(join(tmpdir(), "hearth-crash-"));
  try {
    const acknowledged: Acknowledged = {
      records: new Map(),
      messages: new Set(),
      deleting: new Set(),
      deleted: new Set(),
      entries: new Set(),
      blobs: new Set(),
    };
    for (let round = 0; round < rounds; round++) {
      const count = await writeUntilKilled(directory, round, acknowledged);
      assert(count > 0);
      // A later time each round, at which whatever was in flight is visible again.
      const clock = new ManualClock(Date.now() + (round + 1) * 4 * 3_600_000);
      const engine = await openSqliteEngine({ directory, clock });
      await checkAll(engine, acknowledged);
      await engine.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

async function writeUntilKilled(directory: string, round: number, acknowledged: Acknowledged): Promise<number> {
  const writer = new URL("../../../test/contract/engine/crash-writer.ts", import.meta.url);
  const child = spawn(process.execPath, [writer.pathname, directory, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const killAfter = randomInt(1, acknowledgementsMax);
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    // What the pipe still holds after the kill was acknowledged all the same.
    note(acknowledged, JSON.parse(line) as [string, string, number]);
    if (++count === killAfter) child.kill("SIGKILL");
  }
  assert.equal(child.signalCode ?? (await exitSignal(child)), "SIGKILL", `the writer of round ${round} was killed`);
  return count;
}

function exitSignal(child: ReturnType<typeof spawn>): Promise<unknown> {
  return new Promise((resolve) => {
    child.once("exit", (_, signal) => resolve(signal));
  });
}

function note(acknowledged: Acknowledged, [kind, id, version]: [string, string, number]): void {
  switch (kind) {
    case "record":
      acknowledged.records.set(id, version);
      break;
    case "message":
      acknowledged.messages.add(id);
      break;
    case "deleting":
      acknowledged.deleting.add(id);
      break;
    case "deleted":
      acknowledged.deleted.add(id);
      break;
    case "entry":
      acknowledged.entries.add(id);
      break;
    case "blob":
      acknowledged.blobs.add(id);
      break;
    default:
      assert.fail(`unknown acknowledgement ${kind}`);
  }
}

function take(queue: Queue): Promise<QueueMessage[]> {
  return queue.receive({ max: 100, visibilityMs: 3_600_000 });
}

async function checkAll(engine: Engine, acknowledged: Acknowledged): Promise<void> {
  for (const [name, version] of acknowledged.records) {
    const record = await engine.records.get<{ version: number; filler: string }>(["crash", name]);
    assert(record && record.value.version >= version, `record ${name} is at ${version} or later`);
    assert.equal(record.value.filler.length, record.value.version % 5000);
  }

  const queue = await engine.queues.open(["crash"]);
  const present = new Set<string>();
  for (let messages = await take(queue); messages.length > 0; messages = await take(queue)) {
    for (const message of messages) {
      present.add(message.id);
      assert.equal(message.body.byteLength, message.attributes["bytes"]);
    }
  }
  for (const id of acknowledged.messages) {
    if (acknowledged.deleted.has(id)) assert(!present.has(id), `message ${id} came back`);
    else if (!acknowledged.deleting.has(id)) assert(present.has(id), `message ${id} was lost`);
  }

  let after = 0;
  const appends = new Map<string, number>();
  for (;;) {
    const entries = await engine.streams.read(["crash"], { limit: 1000, afterPosition: after });
    if (entries.length === 0) break;
    for (const entry of entries) {
      assert(entry.position > after);
      after = entry.position;
      const id = Buffer.from(entry.data).toString();
      appends.set(id, (appends.get(id) ?? 0) + 1);
    }
  }
  for (const id of acknowledged.entries) assert.equal(appends.get(id), 3, `append ${id}`);
  for (const [id, entries] of appends) assert.equal(entries, 3, `append ${id} is whole or not there`);

  for (const digest of acknowledged.blobs) assert(await engine.blobs.get(digest), `blob ${digest}`);
  for (const { digest } of await engine.blobs.list()) assert(await engine.blobs.get(digest));
}
