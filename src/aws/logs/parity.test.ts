/**
 * What AWS answered, recorded, against what Hearth answers: every recorded case that needs only what Hearth has of
 * CloudWatch Logs is played again through the SDK, and each recorded answer must be ours, member for member.
 */
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareAnswers, plainRecorded, Placeholders } from "../../../test/support/recorded-answers.ts";
import { openRecordings } from "../../../test/support/recordings.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { LogStore } from "../../telemetry/log-store.ts";
import { logsModel } from "../models.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { logsHandlers } from "./logs-service.ts";

const { skip, cases: all } = openRecordings("logs");
const clock = new ManualClock();
const engine = createMemoryEngine({ clock, random: () => 0.5 });
const logs = new LogStore({ engine, clock, logBytesMax: 2 ** 30, logRetentionDays: 30 });
const handlers = logsHandlers({ logs, clock });
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

      const placeholders = new Placeholders();
      for (const { key, call } of matches) {
        if (call === null) continue;
        const { ResponseMetadata: _, ...recorded } = plainRecorded(expected[key]) as Record<string, unknown>;
        assert.deepEqual(compareAnswers(recorded, answers[call], placeholders).differences, [], key);
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
