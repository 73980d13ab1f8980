import { operationsOf } from "../../../tools/services.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { createMemoryEngine } from "../../engine/memory/memory-engine.ts";
import { LogStore } from "../../telemetry/log-store.ts";
import { logsConstraints } from "../generated/constraints-logs.ts";
import { logsModel } from "../models.ts";
import { testRequests, type RequestedWorld } from "../self-check/request-properties.ts";
import { logsHandlers } from "./logs-service.ts";

const scope = { account: "000000000000", region: "us-east-1" };
const group = "/aws/lambda/hello";
const groupArn = `arn:aws:logs:${scope.region}:${scope.account}:log-group:${group}`;

/** One group with one stream that has an event. */
async function open(): Promise<RequestedWorld> {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: () => 0.5 });
  const logs = new LogStore({ engine, clock, logBytesMax: 2 ** 30, logRetentionDays: 30 });
  return {
    engine,
    handlers: logsHandlers({ logs, clock }),
    restore: async () => {
      await logs.createGroup(scope, group, {});
      await logs.createStream(scope, group, "stream");
      await logs.put(scope, group, "stream", [{ timestampMs: clock.now(), message: "START" }]);
    },
    settle: async () => {},
    usual: () => ({}),
    known: () => ({
      logGroupName: [group, "another"],
      logGroupIdentifier: [group, groupArn, "another"],
      logStreamName: ["stream", "another"],
      resourceArn: [groupArn],
      filterPattern: ["START", "{", "[a]"],
      retentionInDays: [1, 2],
      nextToken: ["x"],
    }),
    async [Symbol.asyncDispose]() {
      await logs.close();
      await engine.close();
    },
  };
}

testRequests({
  model: logsModel(),
  constraints: logsConstraints,
  operations: operationsOf("logs"),
  endless: ["StartLiveTail"],
  open,
});
