import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Key, Streams } from "../../../src/engine/contract.ts";
import { entryBytesMax } from "../../../src/engine/limits.ts";
import type { World } from "../engine.ts";

const stream: Key = ["log", "111111111111", "us-east-1", "group"];

interface Line {
  readonly shard: string;
  readonly timestampMs: number;
  readonly text: string;
}

function append(streams: Streams, lines: readonly Line[], to: Key = stream): Promise<number> {
  return streams.append(
    to,
    lines.map(({ shard, timestampMs, text }) => ({ shard, timestampMs, data: Buffer.from(text) })),
  );
}

async function texts(streams: Streams, options: Partial<Parameters<Streams["read"]>[1]> = {}): Promise<string[]> {
  const entries = await streams.read(stream, { limit: 10_000, ...options });
  return entries.map((entry) => Buffer.from(entry.data).toString());
}

const line = (text: string, timestampMs = 0, shard = "s"): Line => ({ shard, timestampMs, text });

export function streamsContract(world: World): void {
  test("entries are read in the order of their appends, from either end, page by page", async () => {
    const { streams } = world.engine;
    await append(streams, [line("a", 5), line("b", 3)]);
    const last = await append(streams, [line("c", 4, "t")]);

    const [first] = await streams.read(stream, { limit: 1 });
    assert(first);
    assert.deepEqual(await texts(streams), ["a", "b", "c"]);
    assert.deepEqual(await texts(streams, { backwards: true, limit: 2 }), ["c", "b"]);
    assert.deepEqual(await texts(streams, { afterPosition: first.position }), ["b", "c"]);
    assert.deepEqual(await texts(streams, { beforePosition: last, backwards: true }), ["b", "a"]);
    assert.deepEqual(await texts(streams, { afterPosition: first.position, beforePosition: last }), ["b"]);
    assert.deepEqual(await texts(streams, { afterPosition: last }), []);
    assert.deepEqual({ ...first, data: undefined }, { ...first, shard: "s", timestampMs: 5, data: undefined });
  });

  test("a read takes one shard, shards by the start of their name, and a span of time with both ends", async () => {
    const { streams } = world.engine;
    await append(streams, [line("a", 1, "2026/x"), line("b", 2, "2026/y"), line("c", 3, "2027/x"), line("d", 4, "2%")]);

    assert.deepEqual(await texts(streams, { shard: "2026/y" }), ["b"]);
    assert.deepEqual(await texts(streams, { shard: "2026" }), []);
    assert.deepEqual(await texts(streams, { shardPrefix: "2026/" }), ["a", "b"]);
    assert.deepEqual(await texts(streams, { shardPrefix: "2%" }), ["d"]);
    assert.deepEqual(await texts(streams, { fromMs: 2, toMs: 3 }), ["b", "c"]);
    assert.deepEqual(await streams.read(["log", "1"], { limit: 5 }), []);
  });

  test("what is known of a shard follows its entries, and a shard is gone with its last", async () => {
    const { streams } = world.engine;
    await append(streams, [line("ab", 10), line("c", 30), line("d", 20)]);
    const lastPosition = await append(streams, [line("e", 5, "t")]);

    const shards = await streams.shards(stream);

    assert.deepEqual(shards, [
      { shard: "s", firstTimestampMs: 10, lastTimestampMs: 20, lastPosition: lastPosition - 1, bytes: 4 + 3 * 26 },
      { shard: "t", firstTimestampMs: 5, lastTimestampMs: 5, lastPosition, bytes: 1 + 26 },
    ]);
    await streams.trim(stream, { beforeMs: 20 });
    assert.deepEqual(await streams.shards(stream), [
      { shard: "s", firstTimestampMs: 30, lastTimestampMs: 20, lastPosition: lastPosition - 1, bytes: 2 + 2 * 26 },
    ]);
    await streams.removeShard(stream, "s");
    assert.deepEqual(await streams.shards(stream), []);
    assert.deepEqual(await streams.list(["log"]), [{ stream, bytes: 0 }]);
  });

  test("a trim drops what is too old wherever it stands, then the lowest positions beyond the bound", async () => {
    const { streams } = world.engine;
    await append(streams, [line("a", 10), line("old", 1), line("b", 11), line("c", 12), line("d", 13)]);

    await streams.trim(stream, { beforeMs: 10, maxBytes: 2 * 27 + 1 });

    assert.deepEqual(await texts(streams), ["c", "d"]);
    await streams.trim(stream, { maxBytes: 0 });
    assert.deepEqual(await texts(streams), []);
    await streams.trim(["no", "stream"], { maxBytes: 0 });
  });

  test("positions go on rising when a stream is removed and made again", async () => {
    const { streams } = world.engine;
    await append(streams, [line("a"), line("b")]);
    const before = await append(streams, [line("c")]);

    await streams.remove(stream);

    assert.deepEqual(await streams.list(["log"]), []);
    assert((await append(streams, [line("d")])) > before);
    assert.deepEqual(await texts(streams), ["d"]);
    await streams.remove(["no", "stream"]);
  });

  test("a follower is woken by the append it waits for, not by another stream's", async () => {
    const { streams } = world.engine;
    const abort = new AbortController();
    const position = await append(streams, [line("a")]);
    let isWoken = false;
    const following = streams.changed(stream, position, abort.signal).then(() => (isWoken = true));

    await append(streams, [line("x")], ["log", "other"]);
    assert.equal(isWoken, false);
    await append(streams, [line("b")]);
    await following;

    await streams.changed(stream, position, abort.signal);
    const aborted = streams.changed(stream, position + 100, abort.signal);
    abort.abort();
    await aborted;
  });

  test("streams are listed by prefix with what they hold, and never through another account's", async () => {
    const { streams } = world.engine;
    await append(streams, [line("a")], ["log", "1", "x"]);
    await append(streams, [line("bc")], ["log", "1", "y"]);
    await append(streams, [line("d")], ["log", "11", "x"]);

    assert.deepEqual(await streams.list(["log", "1"]), [
      { stream: ["log", "1", "x"], bytes: 27 },
      { stream: ["log", "1", "y"], bytes: 28 },
    ]);
  });

  test("an entry over 1 MiB is refused with its whole append, and an answer ends early at 8 MiB", async () => {
    const { streams } = world.engine;
    const large = Buffer.alloc(entryBytesMax);
    for (let count = 0; count < 10; count++)
      await streams.append(stream, [{ shard: "s", timestampMs: 0, data: large }]);

    const first = await streams.read(stream, { limit: 100 });
    const rest = await streams.read(stream, { limit: 100, afterPosition: first.at(-1)?.position ?? 0 });

    assert.deepEqual([first.length, rest.length], [8, 2]);
    const tooLarge = { shard: "s", timestampMs: 0, data: Buffer.alloc(entryBytesMax + 1) };
    await assert.rejects(streams.append(stream, [tooLarge]), RangeError);
    await assert.rejects(streams.append(stream, []), RangeError);
    await assert.rejects(streams.read(stream, { limit: 0 }), RangeError);
  });

  test("many entries are read, trimmed and removed whole, however they are cut into work", async () => {
    const { streams } = world.engine;
    const total = 12_000;
    for (let start = 0; start < total; start += 4000) {
      const lines = Array.from({ length: 4000 }, (_, index) => {
        const number = start + index;
        return line(String(number).padStart(6, "0"), number, number % 3 === 0 ? "third" : "rest");
      });
      await append(streams, lines);
    }

    assert.deepEqual(await texts(streams, { fromMs: 9000, limit: 2 }), ["009000", "009001"]);
    assert.deepEqual(await texts(streams, { toMs: 2500, limit: 1, backwards: true }), ["002500"]);
    assert.equal((await texts(streams, { shard: "third" })).length, total / 3);
    assert.deepEqual(await texts(streams, { shard: "third", fromMs: 11_990 }), ["011991", "011994", "011997"]);
    await streams.trim(stream, { beforeMs: 1500, maxBytes: 1000 * 32 });
    assert.equal((await texts(streams)).length, 1000);
    await streams.removeShard(stream, "rest");
    assert((await texts(streams)).every((text) => Number(text) % 3 === 0));
    await streams.remove(stream);
    assert.deepEqual(await texts(streams), []);
  });

  test("any appends, trims and reads give what an array of entries would give", async () => {
    const { streams } = world.engine;
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { maxLength: 12 }),
        fc.array(reads, { minLength: 1, maxLength: 4 }),
        (done, asked) => agreesWithModel(streams, done, asked),
      ),
      { numRuns: 30 },
    );
  });
}

const shards = fc.constantFrom("a", "ab", "b");
const times = fc.nat({ max: 20 });
const steps = fc.oneof(
  fc.array(fc.record({ shard: shards, timestampMs: times, text: fc.string({ maxLength: 8 }) }), {
    minLength: 1,
    maxLength: 8,
  }),
  fc.record({ beforeMs: times }),
  fc.record({ maxBytes: fc.nat({ max: 300 }) }),
);
const reads = fc.record(
  { shard: shards, shardPrefix: shards, fromMs: times, toMs: times, backwards: fc.boolean() },
  { requiredKeys: [] },
);

async function agreesWithModel(
  streams: Streams,
  done: readonly (readonly Line[] | { beforeMs: number } | { maxBytes: number })[],
  asked: readonly Partial<Parameters<Streams["read"]>[1]>[],
): Promise<void> {
  let model: Line[] = [];
  await streams.remove(stream);
  const bytes = (): number => model.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 26, 0);
  for (const step of done) {
    if (!("beforeMs" in step) && !("maxBytes" in step)) {
      await append(streams, step);
      model.push(...step);
      continue;
    }
    await streams.trim(stream, step);
    if ("beforeMs" in step) model = model.filter(({ timestampMs }) => timestampMs >= step.beforeMs);
    else while (bytes() > step.maxBytes) model.shift();
  }
  for (const { shard, shardPrefix = "", fromMs = 0, toMs = Infinity, backwards = false } of asked) {
    const expected = model.filter(
      (entry) =>
        (shard === undefined || entry.shard === shard) &&
        entry.shard.startsWith(shardPrefix) &&
        entry.timestampMs >= fromMs &&
        entry.timestampMs <= toMs,
    );
    if (backwards) expected.reverse();
    const options = { shardPrefix, fromMs, backwards, ...(shard === undefined ? {} : { shard }) };
    const got = await texts(streams, toMs === Infinity ? options : { ...options, toMs });
    assert.deepEqual(
      got,
      expected.map(({ text }) => text),
    );
  }
  assert.equal((await streams.list(stream))[0]?.bytes ?? 0, bytes());
}
