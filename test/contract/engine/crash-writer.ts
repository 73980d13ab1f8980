/**
 * Writes to an engine of its own until it is killed, and prints each acknowledgement as `[kind, id, version]`.
 * Arguments: the data directory, and a number that makes this run's names its own.
 */
import { writeSync } from "node:fs";
import { systemClock } from "../../../src/core/clock.ts";
import { openSqliteEngine } from "../../../src/engine/sqlite/sqlite-engine.ts";

const [, , directory = "", run = ""] = process.argv;
const engine = await openSqliteEngine({ directory, clock: systemClock });
const queue = await engine.queues.open(["crash"]);

/** Straight to the pipe: what a stream would buffer in this process dies with it. */
function acknowledge(kind: string, id: string, version = 0): void {
  writeSync(1, `${JSON.stringify([kind, id, version])}\n`);
}

async function forever(task: (index: number) => Promise<void>): Promise<void> {
  for (let index = 0; ; index++) await task(index);
}

async function putRecord(index: number): Promise<void> {
  const name = `r${index % 7}`;
  const version = Number(run) * 1_000_000 + index;
  await engine.records.put(["crash", name], { version, filler: "x".repeat(version % 5000) });
  acknowledge("record", name, version);
}

async function sendAndDelete(index: number): Promise<void> {
  const body = new Uint8Array((index * 37) % 3000);
  const [sent] = await queue.send([{ body, attributes: { bytes: body.byteLength } }]);
  acknowledge("message", sent?.id ?? "");
  if (index % 2 === 0) return;
  for (const { id, receipt } of await queue.receive({ max: 1, visibilityMs: 60_000 })) {
    acknowledge("deleting", id);
    const [isDeleted] = await queue.delete([receipt]);
    if (isDeleted) acknowledge("deleted", id);
  }
}

async function appendThree(index: number): Promise<void> {
  const id = `${run}-${index}`;
  const entry = { shard: `s${index % 3}`, timestampMs: index, data: Buffer.from(id) };
  await engine.streams.append(["crash"], [entry, entry, entry]);
  acknowledge("entry", id);
}

async function putBlob(index: number): Promise<void> {
  acknowledge("blob", await engine.blobs.put(Buffer.alloc(50_000, `${run}-${index}`)));
}

await Promise.all([putRecord, sendAndDelete, appendThree, putBlob].map(forever));
