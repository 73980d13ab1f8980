import assert from "node:assert/strict";
import { test } from "node:test";

import { ManualClock } from "../../core/manual-clock.ts";
import type { LogBatch } from "../contract.ts";
import { testSpec } from "../testing/harness.ts";
import { EnvironmentLog } from "./environment-log.ts";
import { FrameParser, type FramedMessage } from "./frame-parser.ts";
import { LineSplitter, messageBytesMax } from "./message-splitter.ts";
import { renderRecord, type PlatformRecord } from "./platform-records.ts";
import { TokenBucket } from "./token-bucket.ts";

function frame(message: string, type = 0xa55a_0003, timestampMs = 1_700_000_000_000): Buffer {
  const body = Buffer.from(message);
  const head = Buffer.alloc(16);
  head.writeUInt32BE(type, 0);
  head.writeUInt32BE(body.length, 4);
  head.writeBigUInt64BE(BigInt(timestampMs) * 1000n, 8);
  return Buffer.concat([head, body]);
}

function parse(bytes: Buffer, pieceBytes = bytes.length): FramedMessage[] {
  const messages: FramedMessage[] = [];
  const parser = new FrameParser((message) => messages.push(message));
  for (let at = 0; at < bytes.length; at += pieceBytes) parser.push(bytes.subarray(at, at + pieceBytes));
  parser.flush();
  return messages;
}

function plain(message: string): FramedMessage {
  return { message, timestampMs: undefined, level: undefined };
}

test("a framed message of several lines is one event, with its own time and level, in whatever pieces it comes", () => {
  const bytes = Buffer.concat([frame("one\ntwo\n"), frame("", 0xa55a_000f), frame(`{"a":1}`, 0xa55a_0016), frame("ä")]);
  const timestampMs = 1_700_000_000_000;
  for (const pieceBytes of [1, 3, 16, bytes.length]) {
    assert.deepEqual(parse(bytes, pieceBytes), [
      { message: "one\ntwo\n", timestampMs, level: undefined },
      { message: "", timestampMs, level: "INFO" },
      { message: `{"a":1}`, timestampMs, level: "ERROR" },
      { message: "ä", timestampMs, level: undefined },
    ]);
  }
});

test("what is no frame is plain lines, and frames are recognised again after them", () => {
  const bytes = Buffer.concat([Buffer.from("plain\n\xa5 odd\n", "latin1"), frame("framed"), Buffer.from("rest")]);
  for (const pieceBytes of [1, 5, bytes.length]) {
    assert.deepEqual(
      parse(bytes, pieceBytes).map(({ message }) => message),
      ["plain\n", "\ufffd odd\n", "framed", "rest"],
    );
  }
});

test("a frame that announces more than comes is flushed as far as it came", () => {
  const bytes = frame("x".repeat(1000)).subarray(0, 516);

  assert.deepEqual(
    parse(bytes).map(({ message }) => message.length),
    [500],
  );
});

test("messages beyond 256 KiB are several events, framed or not", () => {
  const long = "x".repeat(messageBytesMax + 10);
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  splitter.push(Buffer.from(`${long}\nshort\n`));

  assert.deepEqual(
    lines.map(({ length }) => length),
    [messageBytesMax, 11, 6],
  );
  assert.deepEqual(
    parse(frame(long), 65_536).map(({ message }) => message.length),
    [messageBytesMax, 10],
  );
});

test("a bucket gives its burst at once, its rate in the long run, and never more", () => {
  const bucket = new TokenBucket(100, 200, 0);

  assert(bucket.take(200, 0));
  assert.equal(bucket.take(1, 0), false);
  assert(bucket.take(50, 500));
  assert.equal(bucket.take(51, 1000), false);
  assert(bucket.take(1000, 60_000));
  assert.equal(bucket.take(1, 60_000), false);
  assert.equal(bucket.take(1, 68_000), false);
  assert(bucket.take(1, 68_020));
});

function logOf(changes: Parameters<typeof testSpec>[0] = {}, bytesPerSecond = 1_000_000) {
  const clock = new ManualClock();
  const batches: LogBatch[] = [];
  const log = new EnvironmentLog({
    spec: testSpec(changes),
    clock,
    bytesPerSecond,
    onBatch: (batch) => batches.push(batch),
  });
  return { clock, batches, log };
}

test("output beyond the rate is dropped and counted, the platform's records never are", () => {
  const { clock, batches, log } = logOf({}, 1000);

  for (let n = 0; n < 100; n++) log.write(plain("x".repeat(100)));
  log.record({ kind: "start", requestId: "r" });
  clock.advance(20);

  const [batch] = batches;
  assert.equal(batch?.events.length, 16);
  assert.equal(batch?.events.at(-1)?.message, "START RequestId: r Version: $LATEST\n");
  assert.equal(batch?.dropped, 85);
});

test("events wait for others for a moment only, in order", () => {
  const { clock, batches, log } = logOf();

  log.write(plain("one\n"));
  log.write(plain("two\n"));
  assert.equal(batches.length, 0);
  clock.advance(20);

  assert.deepEqual(
    batches.map(({ events }) => events.map(({ message }) => message)),
    [["one\n", "two\n"]],
  );
  assert.equal(clock.pendingTimers, 0);
});

test("a frame's own time is kept when it can be true", () => {
  const { clock, batches, log } = logOf();
  const nowMs = clock.now();

  log.write({ message: "a", timestampMs: nowMs - 1000, level: undefined });
  log.write({ message: "b", timestampMs: 0, level: undefined });
  log.flush();

  assert.deepEqual(
    batches[0]?.events.map(({ timestampMs }) => timestampMs),
    [nowMs - 1000, nowMs],
  );
});

test("the tail is the last 4 KB since it was asked for", () => {
  const { log } = logOf();
  log.write(plain("before\n"));
  log.startTail();
  for (let n = 0; n < 1000; n++) log.write(plain(`line ${n}\n`));

  const tail = log.takeTail();

  assert.equal(tail?.length, 4096);
  assert(tail?.toString().endsWith("line 998\nline 999\n"));
  assert.equal(log.takeTail(), undefined);
});

test("with the JSON format, output below the application level is left out, by frame level or by the line's own", () => {
  const logging = { ...testSpec().logging, format: "JSON", applicationLevel: "WARN" } as const;
  const { batches, log } = logOf({ logging });

  log.write({ message: "framed info", timestampMs: undefined, level: "INFO" });
  log.write({ message: "framed error", timestampMs: undefined, level: "ERROR" });
  log.write(plain(`{"level":"debug"}\n`));
  log.write(plain(`{"level":"fatal"}\n`));
  log.write(plain("{broken\n"));
  log.write(plain("no level\n"));
  log.flush();

  assert.deepEqual(
    batches[0]?.events.map(({ message }) => message),
    ["framed error", `{"level":"fatal"}\n`],
  );
});

const report: PlatformRecord = {
  kind: "report",
  requestId: "r",
  status: "success",
  durationMs: 12.344,
  billedMs: 136,
  memorySizeMiB: 128,
  maxMemoryUsedMiB: 36,
  initDurationMs: 123.45,
};
const nowMs = Date.UTC(2026, 0, 2);

test("an init that succeeds is reported in the text format with provisioned concurrency only", () => {
  const record: PlatformRecord = { kind: "initReport", phase: "init", status: "success", durationMs: 12.344 };

  assert.deepEqual(renderRecord(testSpec(), record, nowMs), []);
  assert.deepEqual(renderRecord(testSpec({ initializationType: "provisioned-concurrency" }), record, nowMs), [
    "INIT_REPORT Init Duration: 12.34 ms\n",
  ]);
});

test("a report in the text format is Lambda's REPORT line, with a status only when the environment failed", () => {
  const spec = testSpec();
  const render = (record: PlatformRecord): string => renderRecord(spec, record, nowMs).join("");
  const start =
    "REPORT RequestId: r\tDuration: 12.34 ms\tBilled Duration: 136 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 123.45 ms\t";

  assert.equal(render(report), `${start}\n`);
  assert.equal(render({ ...report, status: "timeout", errorType: "Sandbox.Timedout" }), `${start}Status: timeout\n`);
  assert.equal(
    render({ ...report, status: "error", errorType: "Runtime.ExitError" }),
    `${start}Status: error\tError Type: Runtime.ExitError\n`,
  );
  assert.equal(render({ ...report, status: "error", errorType: "TypeError" }), `${start}\n`);
});

test("a report of a traced invocation names its trace, on a line of the same event", () => {
  const root = "1-5759e988-bd862e3fe1be46a994272793";
  const rendered = (sampled: 0 | 1): string => {
    const traceId = `Root=${root};Parent=53995c3f42cd8ad8;Sampled=${sampled}`;
    return renderRecord(testSpec(), { ...report, traceId }, nowMs).join("");
  };

  assert.match(
    rendered(1),
    new RegExp(`^REPORT .*\\t\\nXRAY TraceId: ${root}\\tSegmentId: 53995c3f42cd8ad8\\tSampled: true\\t\\n$`),
  );
  assert.doesNotMatch(rendered(0), /XRAY/);
});

function recordsAt(systemLevel: "DEBUG" | "INFO" | "WARN", record: PlatformRecord): unknown[] {
  const logging = { ...testSpec().logging, format: "JSON", systemLevel } as const;
  return renderRecord(testSpec({ logging }), record, nowMs).map((line) => JSON.parse(line) as unknown);
}

test("in the JSON format records have a level, and a failed one has more than INFO", () => {
  assert.deepEqual(recordsAt("INFO", report), [
    {
      time: "2026-01-02T00:00:00.000Z",
      type: "platform.report",
      record: {
        requestId: "r",
        metrics: {
          durationMs: 12.344,
          billedDurationMs: 136,
          memorySizeMB: 128,
          maxMemoryUsedMB: 36,
          initDurationMs: 123.45,
        },
        status: "success",
      },
    },
  ]);
  assert.deepEqual(recordsAt("WARN", report), []);
  assert.equal(recordsAt("WARN", { ...report, status: "timeout" }).length, 1);
  const done = { kind: "runtimeDone", requestId: "r", status: "success", durationMs: 1, producedBytes: 2 } as const;
  assert.equal(recordsAt("INFO", done).length, 0);
  assert.equal(recordsAt("DEBUG", done).length, 1);
  assert.equal(recordsAt("INFO", { ...done, status: "error" }).length, 1);
});
