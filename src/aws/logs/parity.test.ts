/**
 * What AWS answered, recorded, against what Hearth answers: every recorded case that needs only what Hearth has of
 * CloudWatch Logs is played again through the SDK, and each recorded answer must be ours, member for member.
 */
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { LogStore } from "../../telemetry/log-store.ts";
import { logsModel } from "../models.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { logsHandlers } from "./logs-service.ts";

interface RecordedCase {
  readonly id: string;
  readonly calls: readonly { readonly service: string; readonly op: string; readonly params: object }[];
  /** Which call's answer a recorded one is. */
  readonly matches: readonly { readonly key: string; readonly call: number | null }[];
  readonly expected: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const directory =
  process.env["HEARTH_PARITY_DATA"] ?? fileURLToPath(new URL("../../../../shared/parity", import.meta.url));
const file = join(directory, "logs.json.gz");
const skip = existsSync(file) ? false : `no recorded answers at ${directory}`;

const clock = new ManualClock();
const engine = createMemoryEngine({ clock, random: () => 0.5 });
const logs = new LogStore({ engine, clock, logBytesMax: 2 ** 30, logRetentionDays: 30 });
const handlers = logsHandlers({ logs, clock });
const all = skip === false ? (JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedCase[]) : [];
const cases = all.filter(
  ({ calls, matches }) =>
    matches.some(({ call }) => call !== null) &&
    calls.every(({ service, op }) => service === "logs" && Object.hasOwn(handlers, op)),
);

test("recorded answers of AWS are ours", { skip }, async (t) => {
  assert(cases.length > 5, `only ${cases.length} cases`);
  await using loopback = await startLoopback({ services: [{ model: logsModel(), handlers }] });
  const client = new Logs.CloudWatchLogsClient({
    endpoint: loopback.url,
    region: "us-east-1",
    credentials: { accessKeyId: "123456789012", secretAccessKey: "any" },
    maxAttempts: 1,
  });

  for (const { id, calls, matches, expected } of cases) {
    await t.test(id.replace(/^.*::/, ""), async () => {
      const answers: unknown[] = [];
      for (const { op, params } of calls) answers.push(await answerOf(client, op, params));

      for (const { key, call } of matches) {
        if (call === null) continue;
        const { ResponseMetadata: _, ...recorded } = expected[key] ?? {};
        assertSame(answers[call], recorded, key);
      }
    });
  }
  client.destroy();
  await logs.close();
});

async function answerOf(client: Logs.CloudWatchLogsClient, op: string, params: object): Promise<unknown> {
  const commands = Logs as unknown as Record<string, new (input: object) => Logs.DescribeLogGroupsCommand>;
  const Command = commands[`${op}Command`];
  assert(Command !== undefined, op);
  try {
    const { $metadata: _, ...answer } = await client.send(new Command(params));
    return JSON.parse(JSON.stringify(answer));
  } catch (error) {
    assert(error instanceof Logs.CloudWatchLogsServiceException, String(error));
    return { Error: { Code: error.name, Message: error.message } };
  }
}

/** Same members and, but for what varies from run to run, same values. */
function assertSame(actual: unknown, recorded: unknown, path: string): void {
  if (typeof recorded !== "object" || recorded === null) {
    if (!varies(recorded)) assert.deepEqual(actual, recorded, path);
    else assert.notEqual(actual, undefined, path);
    return;
  }
  assert(typeof actual === "object" && actual !== null, path);
  assert.deepEqual(Object.keys(actual).toSorted(), Object.keys(recorded).toSorted(), path);
  for (const [key, value] of Object.entries(recorded)) {
    assertSame((actual as Record<string, unknown>)[key], value, `${path}.${key}`);
  }
}

/** Placeholders of the recording: `<name:1>`, `timestamp`, `too-new-log-event-start-index`. */
function varies(recorded: unknown): boolean {
  return typeof recorded === "string" && /<[\w-]+(?::\d+)?>|^timestamp$|^[a-z]+(?:-[a-z]+)+$/.test(recorded);
}
