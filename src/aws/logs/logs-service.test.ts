/**
 * CloudWatch Logs through the unmodified SDK, over the real wire and the real log store.
 */
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { LogStore } from "../../telemetry/log-store.ts";
import { logsModel } from "../models.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { logsHandlers } from "./logs-service.ts";

const scope = { account: "000000000000", region: "us-east-1" };
const group = "/aws/lambda/hello";
const hourMs = 3_600_000;

interface World extends AsyncDisposable {
  readonly client: Logs.CloudWatchLogsClient;
  readonly logs: LogStore;
  readonly clock: ManualClock;
  readonly nowMs: number;
  /** Writes as an environment does. */
  readonly write: (stream: string, ...messages: readonly string[]) => void;
}

async function open(): Promise<World> {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: () => 0.5 });
  const logs = new LogStore({ engine, clock, logBytesMax: 2 ** 30, logRetentionDays: 30 });
  const loopback = await startLoopback({
    services: [{ model: logsModel(), handlers: logsHandlers({ logs, clock }) }],
  });
  const client = new Logs.CloudWatchLogsClient({
    endpoint: loopback.url,
    region: scope.region,
    credentials: { accessKeyId: "any", secretAccessKey: "any" },
    maxAttempts: 1,
    // The endpoint is an address, which takes no prefix.
    disableHostPrefix: true,
  });
  let written = 0;
  return {
    client,
    logs,
    clock,
    nowMs: clock.now(),
    write: (stream, ...messages) =>
      logs.append({
        scope,
        group,
        stream,
        events: messages.map((message) => ({ timestampMs: clock.now() + written++, message })),
        dropped: 0,
      }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await loopback[Symbol.asyncDispose]();
      await logs.close();
      await engine.close();
      assert.equal(clock.pendingTimers, 0);
    },
  };
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return "accepted";
}

test("a group that does not exist is refused by every operation that needs one", async () => {
  await using world = await open();
  const { client } = world;
  const logGroupName = "ghost";
  const expected = "ResourceNotFoundException: The specified log group does not exist.";

  for (const call of [
    client.send(new Logs.DescribeLogStreamsCommand({ logGroupName })),
    client.send(new Logs.GetLogEventsCommand({ logGroupName, logStreamName: "s" })),
    client.send(new Logs.FilterLogEventsCommand({ logGroupName })),
    client.send(new Logs.CreateLogStreamCommand({ logGroupName, logStreamName: "s" })),
    client.send(new Logs.DeleteLogStreamCommand({ logGroupName, logStreamName: "s" })),
    client.send(new Logs.DeleteLogGroupCommand({ logGroupName })),
    client.send(new Logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 7 })),
    client.send(new Logs.ListTagsLogGroupCommand({ logGroupName })),
    client.send(
      new Logs.PutLogEventsCommand({ logGroupName, logStreamName: "s", logEvents: [{ timestamp: 1, message: "m" }] }),
    ),
  ]) {
    assert.equal(await refusal(call), expected);
  }
});

test("groups are listed by name and prefix, page by page", async () => {
  await using world = await open();
  const { client, nowMs } = world;
  for (const name of ["b/2", "a", "b/1", "b/3"])
    await client.send(new Logs.CreateLogGroupCommand({ logGroupName: name }));

  const first = await client.send(new Logs.DescribeLogGroupsCommand({ logGroupNamePrefix: "b/", limit: 2 }));
  const second = await client.send(
    new Logs.DescribeLogGroupsCommand({ logGroupNamePrefix: "b/", limit: 2, nextToken: first.nextToken }),
  );

  assert.deepEqual(first.logGroups?.[0], {
    logGroupName: "b/1",
    creationTime: nowMs,
    metricFilterCount: 0,
    arn: "arn:aws:logs:us-east-1:000000000000:log-group:b/1:*",
    logGroupArn: "arn:aws:logs:us-east-1:000000000000:log-group:b/1",
    storedBytes: 0,
    logGroupClass: "STANDARD",
    deletionProtectionEnabled: false,
  });
  assert.deepEqual(
    [...(first.logGroups ?? []), ...(second.logGroups ?? [])].map((each) => each.logGroupName),
    ["b/1", "b/2", "b/3"],
  );
  assert.equal(second.nextToken, undefined);
});

test("a group or stream that exists is not made again", async () => {
  await using world = await open();
  const { client } = world;
  const createGroup = (): Promise<unknown> => client.send(new Logs.CreateLogGroupCommand({ logGroupName: group }));
  const createStream = (): Promise<unknown> =>
    client.send(new Logs.CreateLogStreamCommand({ logGroupName: group, logStreamName: "s" }));
  await createGroup();
  await createStream();

  assert.equal(await refusal(createGroup()), "ResourceAlreadyExistsException: The specified log group already exists");
  assert.equal(
    await refusal(createStream()),
    "ResourceAlreadyExistsException: The specified log stream already exists",
  );
});

test("settings of a group that cannot be obeyed are refused", async () => {
  await using world = await open();
  const create = (over: Partial<Logs.CreateLogGroupCommandInput>): Promise<string> =>
    refusal(world.client.send(new Logs.CreateLogGroupCommand({ logGroupName: "g", ...over })));

  assert.match(await create({ kmsKeyId: "k" }), /kmsKeyId/);
  assert.match(await create({ logGroupClass: "INFREQUENT_ACCESS" }), /STANDARD/);
  assert.match(await create({ deletionProtectionEnabled: true }), /deletionProtectionEnabled/);
  assert.deepEqual((await world.client.send(new Logs.DescribeLogGroupsCommand({}))).logGroups, []);
});

test("retention is shown, obeyed values only, and taken back", async () => {
  await using world = await open();
  const { client } = world;
  await client.send(new Logs.CreateLogGroupCommand({ logGroupName: group }));
  const shown = async (): Promise<number | undefined> =>
    (await client.send(new Logs.DescribeLogGroupsCommand({}))).logGroups?.[0]?.retentionInDays;

  await client.send(new Logs.PutRetentionPolicyCommand({ logGroupName: group, retentionInDays: 7 }));
  assert.equal(await shown(), 7);
  assert.match(
    await refusal(client.send(new Logs.PutRetentionPolicyCommand({ logGroupName: group, retentionInDays: 8 }))),
    /^InvalidParameterException: .*'retentionInDays'/,
  );
  await client.send(new Logs.DeleteRetentionPolicyCommand({ logGroupName: group }));
  assert.equal(await shown(), undefined);
});

test("tags are the same by name and by ARN", async () => {
  await using world = await open();
  const { client } = world;
  const resourceArn = `arn:aws:logs:us-east-1:000000000000:log-group:${group}`;
  await client.send(new Logs.CreateLogGroupCommand({ logGroupName: group, tags: { env: "testing" } }));

  await client.send(new Logs.TagResourceCommand({ resourceArn, tags: { a: "1", b: "2" } }));
  await client.send(new Logs.TagLogGroupCommand({ logGroupName: group, tags: { c: "3" } }));
  await client.send(new Logs.UntagResourceCommand({ resourceArn, tagKeys: ["env", "a"] }));
  await client.send(new Logs.UntagLogGroupCommand({ logGroupName: group, tags: ["b"] }));

  assert.deepEqual((await client.send(new Logs.ListTagsForResourceCommand({ resourceArn }))).tags, { c: "3" });
  assert.deepEqual((await client.send(new Logs.ListTagsLogGroupCommand({ logGroupName: group }))).tags, { c: "3" });
});

test("streams are listed by name or by last event, either way round", async () => {
  await using world = await open();
  const { client, write, nowMs } = world;
  write("z", "first");
  write("a", "second");
  write("m", "third", "fourth");
  const list = async (over: Partial<Logs.DescribeLogStreamsCommandInput>): Promise<(string | undefined)[]> => {
    const names: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page: Logs.DescribeLogStreamsCommandOutput = await client.send(
        new Logs.DescribeLogStreamsCommand({ logGroupName: group, limit: 2, nextToken, ...over }),
      );
      names.push(...(page.logStreams ?? []).map((each) => each.logStreamName));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return names;
  };

  assert.deepEqual(await list({}), ["a", "m", "z"]);
  assert.deepEqual(await list({ descending: true }), ["z", "m", "a"]);
  assert.deepEqual(await list({ orderBy: "LastEventTime" }), ["z", "a", "m"]);
  assert.deepEqual(await list({ orderBy: "LastEventTime", descending: true }), ["m", "a", "z"]);
  assert.deepEqual(await list({ logStreamNamePrefix: "m" }), ["m"]);
  assert.equal(
    await refusal(list({ orderBy: "LastEventTime", logStreamNamePrefix: "m" })),
    "InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix.",
  );
  const { logStreams } = await client.send(
    new Logs.DescribeLogStreamsCommand({ logGroupName: group, logStreamNamePrefix: "m" }),
  );
  assert.deepEqual(logStreams?.[0], {
    logStreamName: "m",
    creationTime: nowMs + 2,
    firstEventTimestamp: nowMs + 2,
    lastEventTimestamp: nowMs + 3,
    lastIngestionTime: nowMs,
    arn: `arn:aws:logs:us-east-1:000000000000:log-group:${group}:log-stream:m`,
    storedBytes: 0,
  });
});

test("a stream is read from its head, page by page, until the token stays the same", async () => {
  await using world = await open();
  const { client, write } = world;
  write("s", "1", "2", "3");
  write("other", "x");
  write("s", "4", "5");
  const get = (nextToken?: string): Promise<Logs.GetLogEventsCommandOutput> =>
    client.send(
      new Logs.GetLogEventsCommand({
        logGroupName: group,
        logStreamName: "s",
        startFromHead: true,
        limit: 2,
        nextToken,
      }),
    );

  const pages: string[] = [];
  let token: string | undefined;
  for (;;) {
    const page = await get(token);
    pages.push((page.events ?? []).map((each) => each.message).join());
    if (page.nextForwardToken === token) break;
    token = page.nextForwardToken;
  }

  assert.deepEqual(pages, ["1,2", "3,4", "5", ""]);
  write("s", "6");
  assert.deepEqual(
    (await get(token)).events?.map((each) => each.message),
    ["6"],
  );
});

test("without startFromHead the newest events come first, in the order of time, and lead backwards", async () => {
  await using world = await open();
  const { client, write } = world;
  write("s", "1", "2", "3", "4", "5");
  const get = (nextToken?: string): Promise<Logs.GetLogEventsCommandOutput> =>
    client.send(new Logs.GetLogEventsCommand({ logGroupName: group, logStreamName: "s", limit: 2, nextToken }));

  const newest = await get();
  const before = await get(newest.nextBackwardToken);
  const oldest = await get(before.nextBackwardToken);
  const none = await get(oldest.nextBackwardToken);

  assert.deepEqual(
    [newest, before, oldest, none].map((page) => page.events?.map((each) => each.message).join()),
    ["4,5", "2,3", "1", ""],
  );
  assert.equal(none.nextBackwardToken, oldest.nextBackwardToken);
  assert.deepEqual(
    (await get(before.nextForwardToken)).events?.map((each) => each.message),
    ["4", "5"],
  );
});

test("a stream without events can be followed from its newest end", async () => {
  await using world = await open();
  const { client, write } = world;
  await client.send(new Logs.CreateLogGroupCommand({ logGroupName: group }));
  await client.send(new Logs.CreateLogStreamCommand({ logGroupName: group, logStreamName: "s" }));
  const input = { logGroupName: group, logStreamName: "s" };

  const empty = await client.send(new Logs.GetLogEventsCommand(input));
  write("s", "first");
  const next = await client.send(new Logs.GetLogEventsCommand({ ...input, nextToken: empty.nextForwardToken }));

  assert.deepEqual(
    next.events?.map((each) => each.message),
    ["first"],
  );
  assert.equal(
    await refusal(client.send(new Logs.GetLogEventsCommand({ ...input, logStreamName: "ghost" }))),
    "ResourceNotFoundException: The specified log stream does not exist.",
  );
  assert.equal(
    await refusal(client.send(new Logs.GetLogEventsCommand({ ...input, nextToken: "nonsense" }))),
    "InvalidParameterException: The specified nextToken is invalid.",
  );
});

test("GetLogEvents includes its start time and not its end time; FilterLogEvents includes both", async () => {
  await using world = await open();
  const { client, write, nowMs } = world;
  write("s", "0", "1", "2", "3");
  const range = { logGroupName: group, startTime: nowMs + 1, endTime: nowMs + 3 };

  const got = await client.send(new Logs.GetLogEventsCommand({ ...range, logStreamName: "s" }));
  const filtered = await client.send(new Logs.FilterLogEventsCommand(range));

  assert.deepEqual(
    got.events?.map((each) => each.message),
    ["1", "2"],
  );
  assert.deepEqual(
    filtered.events?.map((each) => each.message),
    ["1", "2", "3"],
  );
});

test("a search goes over streams, by pattern, in the order of time, and pages end", async () => {
  await using world = await open();
  const { client, write, nowMs } = world;
  write("a/1", "ERROR one", "fine");
  write("b/1", "ERROR two", "ERROR three");
  write("a/2", "ERROR four");
  const search = async (over: Partial<Logs.FilterLogEventsCommandInput>): Promise<string[]> => {
    const found: string[] = [];
    let nextToken: string | undefined;
    do {
      const page: Logs.FilterLogEventsCommandOutput = await client.send(
        new Logs.FilterLogEventsCommand({ logGroupName: group, nextToken, ...over }),
      );
      found.push(...(page.events ?? []).map((each) => each.message ?? ""));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return found;
  };

  assert.deepEqual(await search({ filterPattern: "ERROR", limit: 2 }), [
    "ERROR one",
    "ERROR two",
    "ERROR three",
    "ERROR four",
  ]);
  assert.deepEqual(await search({ logStreamNamePrefix: "a/" }), ["ERROR one", "fine", "ERROR four"]);
  assert.deepEqual(await search({ logStreamNames: ["a/2", "b/1"], limit: 1 }), [
    "ERROR two",
    "ERROR three",
    "ERROR four",
  ]);
  assert.deepEqual(await search({ startFromHead: false, startTime: nowMs, limit: 2, filterPattern: "ERROR" }), [
    "ERROR four",
    "ERROR three",
    "ERROR two",
    "ERROR one",
  ]);
  const arn = `arn:aws:logs:us-east-1:000000000000:log-group:${group}`;
  assert.equal((await search({ logGroupName: undefined, logGroupIdentifier: arn })).length, 5);
  const { events } = await client.send(new Logs.FilterLogEventsCommand({ logGroupName: group }));
  assert.equal(new Set(events?.map((each) => each.eventId)).size, 5);
  assert.match(events?.[0]?.eventId ?? "", /^\d{56}$/);
});

test("an answer holds about a megabyte; the rest follows by token", async () => {
  await using world = await open();
  const { client, write } = world;
  const large = "x".repeat(200_000);
  write("s", ...Array.from({ length: 12 }, () => large));

  const first = await client.send(new Logs.FilterLogEventsCommand({ logGroupName: group }));
  assert.equal(first.events?.length, 5);
  assert.notEqual(first.nextToken, undefined);
  const got = await client.send(
    new Logs.GetLogEventsCommand({ logGroupName: group, logStreamName: "s", startFromHead: true }),
  );
  assert.equal(got.events?.length, 5);
});

test("what a client writes is checked as AWS does, and can be read at once", async () => {
  await using world = await open();
  const { client, nowMs } = world;
  await client.send(new Logs.CreateLogGroupCommand({ logGroupName: group }));
  const put = (logStreamName: string, ...logEvents: Logs.InputLogEvent[]): Promise<Logs.PutLogEventsCommandOutput> =>
    client.send(new Logs.PutLogEventsCommand({ logGroupName: group, logStreamName, logEvents }));
  assert.equal(
    await refusal(put("s", { timestamp: nowMs, message: "m" })),
    "ResourceNotFoundException: The specified log stream does not exist.",
  );
  await client.send(new Logs.CreateLogStreamCommand({ logGroupName: group, logStreamName: "s" }));

  assert.equal(
    await refusal(put("s", { timestamp: nowMs, message: "late" }, { timestamp: nowMs - 1, message: "early" })),
    "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order.",
  );
  assert.match(
    await refusal(put("s", { timestamp: nowMs - 25 * hourMs, message: "a" }, { timestamp: nowMs, message: "b" })),
    /24 hours/,
  );
  assert.match(await refusal(put("s", { timestamp: nowMs, message: "x".repeat(1_048_576) })), /Upload too large/);
  const { rejectedLogEventsInfo } = await put(
    "s",
    { timestamp: nowMs, message: "kept" },
    { timestamp: nowMs + 3 * hourMs, message: "too new" },
  );
  const old = await put("s", { timestamp: nowMs - 15 * 24 * hourMs, message: "too old" });

  assert.deepEqual(rejectedLogEventsInfo, { tooNewLogEventStartIndex: 1 });
  assert.deepEqual(old.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1 });
  const { events } = await client.send(new Logs.GetLogEventsCommand({ logGroupName: group, logStreamName: "s" }));
  assert.deepEqual(events, [{ timestamp: nowMs, message: "kept", ingestionTime: nowMs }]);
});

test("a live tail shows what is written after it began, and ends with its client", async () => {
  await using world = await open();
  const { client, clock, write } = world;
  write("s", "before");
  const arn = `arn:aws:logs:us-east-1:000000000000:log-group:${group}`;
  const { responseStream } = await client.send(
    new Logs.StartLiveTailCommand({ logGroupIdentifiers: [arn], logEventFilterPattern: "ERROR" }),
  );
  assert(responseStream !== undefined);
  const events = responseStream[Symbol.asyncIterator]();

  const start = await events.next();
  assert.equal(start.value?.sessionStart?.logEventFilterPattern, "ERROR");
  write("s", "fine", "ERROR one");
  await untilTimers(clock, 3);
  clock.advance(1000);
  const update = await events.next();

  assert.deepEqual(
    update.value?.sessionUpdate?.sessionResults?.map((each: Logs.LiveTailSessionLogEvent) => each.message),
    ["ERROR one"],
  );
  assert.equal(update.value?.sessionUpdate?.sessionMetadata?.sampled, false);
  await events.return?.();
  client.destroy();
  await untilTimers(clock, 1);
});

/** Waits until the server has set, or given up, its timer. */
async function untilTimers(clock: ManualClock, count: number): Promise<void> {
  while (clock.pendingTimers !== count) await new Promise((resolve) => setImmediate(resolve));
}
