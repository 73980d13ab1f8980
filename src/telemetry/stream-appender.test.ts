import assert from "node:assert/strict";
import { test } from "node:test";
import { UnavailableError } from "../core/errors.ts";
import { ManualClock } from "../core/manual-clock.ts";
import type { Key, Streams } from "../engine/contract.ts";
import { gatherMs, StreamAppender, streamBytesMax, waitingBytesMax, type AppendedEntry } from "./stream-appender.ts";

const stream: Key = ["log", "0", "r", "g"];

/** A stream that can refuse. */
class Tape implements Pick<Streams, "append"> {
  readonly batches: { readonly stream: Key; readonly entries: readonly AppendedEntry[] }[] = [];
  refuse: Error | undefined;
  attempts = 0;

  append(to: Key, entries: readonly AppendedEntry[]): Promise<number> {
    this.attempts++;
    if (this.refuse !== undefined) return Promise.reject(this.refuse);
    this.batches.push({ stream: to, entries });
    return Promise.resolve(0);
  }

  texts(of: Key = stream): string[] {
    return this.batches
      .filter((batch) => batch.stream.join() === of.join())
      .flatMap((batch) => batch.entries.map((each) => Buffer.from(each.data).toString().slice(0, 40)));
  }
}

function entry(text: string, shard = "s"): AppendedEntry {
  return { shard, timestampMs: 0, data: Buffer.from(text) };
}

function world(): { clock: ManualClock; tape: Tape; appender: StreamAppender } {
  const clock = new ManualClock();
  const tape = new Tape();
  const appender = new StreamAppender({
    streams: tape,
    clock,
    dropNotice: (shard, count) => entry(`${count} lost`, shard),
    onAppended: () => undefined,
  });
  return { clock, tape, appender };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("entries of a moment are written together, in order", async () => {
  const { clock, tape, appender } = world();

  appender.add(stream, [entry("a")]);
  appender.add(stream, [entry("b"), entry("c")]);
  assert.equal(tape.batches.length, 0);
  clock.advance(gatherMs);
  await settle();

  assert.equal(tape.batches.length, 1);
  assert.deepEqual(tape.texts(), ["a", "b", "c"]);
  assert.equal(clock.pendingTimers, 0);
});

test("a reader finds what was added before it asked", async () => {
  const { tape, appender, clock } = world();
  appender.add(stream, [entry("a")]);

  await appender.flush(stream);

  assert.deepEqual(tape.texts(), ["a"]);
  assert.equal(clock.pendingTimers, 0);
});

test("what the engine refuses for now is written later, in order", async () => {
  const { clock, tape, appender } = world();
  tape.refuse = new UnavailableError("busy", "full");
  appender.add(stream, [entry("a")]);
  clock.advance(gatherMs);
  await settle();
  appender.add(stream, [entry("b")]);

  tape.refuse = undefined;
  clock.advance(10_000);
  await settle();

  assert.deepEqual(tape.texts(), ["a", "b"]);
});

test("under back-pressure the oldest are dropped within a bound, and the stream says how many", async () => {
  const { clock, tape, appender } = world();
  tape.refuse = new UnavailableError("busy", "full");
  const kilobyte = "x".repeat(1024);
  const total = Math.ceil((2 * streamBytesMax) / 1024);
  for (let index = 0; index < total; index++) {
    appender.add(stream, [entry(`${index} ${kilobyte}`)]);
    if (index % 1000 === 0) await settle();
  }
  assert.equal(tape.attempts, 1, "a busy engine is not asked again for every line");

  tape.refuse = undefined;
  clock.advance(10_000);
  await settle();

  const [notice, ...kept] = tape.texts();
  const lost = Number(notice?.split(" ")[0]);
  assert.match(notice ?? "", /^\d+ lost$/);
  assert.equal(lost + kept.length, total);
  assert(kept.length * 1024 <= streamBytesMax);
  assert(kept.at(-1)?.startsWith(`${total - 1} `));
});

test("a stream that floods loses its own entries and not those of others", async () => {
  const { clock, tape, appender } = world();
  tape.refuse = new UnavailableError("busy", "full");
  const quiet: Key = ["log", "0", "r", "quiet"];
  appender.add(quiet, [entry("kept")]);
  const megabyte = "x".repeat(1_000_000);
  const floods = Array.from({ length: 12 }, (_, index): Key => ["log", "0", "r", `flood${index}`]);
  for (let round = 0; round < 9; round++) for (const flood of floods) appender.add(flood, [entry(megabyte)]);
  await settle();

  tape.refuse = undefined;
  clock.advance(10_000);
  await settle();

  assert.deepEqual(tape.texts(quiet), ["kept"]);
  const written = tape.batches.reduce(
    (sum, batch) => sum + batch.entries.reduce((bytes, each) => bytes + each.data.byteLength, 0),
    0,
  );
  assert(written <= waitingBytesMax);
});

test("an entry that the engine will never take is dropped and counted, and holds up nothing", async () => {
  const { tape, appender, clock } = world();
  tape.refuse = new RangeError("too large");
  appender.add(stream, [entry("huge")]);
  await appender.flush(stream);

  tape.refuse = undefined;
  appender.add(stream, [entry("small")]);
  await appender.flush(stream);

  assert.deepEqual(tape.texts(), ["1 lost", "small"]);
  assert.equal(clock.pendingTimers, 0);
});

test("closing writes what waits and leaves no timer", async () => {
  const { clock, tape, appender } = world();
  appender.add(stream, [entry("a")]);

  await appender.close();

  assert.deepEqual(tape.texts(), ["a"]);
  assert.equal(clock.pendingTimers, 0);
});
