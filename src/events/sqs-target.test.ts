import assert from "node:assert/strict";
import { test } from "node:test";
import { scope } from "../../test/support/data-plane.ts";
import { QueueService } from "../control-plane/queues/queue-service.ts";
import { ManualClock } from "../core/manual-clock.ts";
import { createMemoryEngine } from "../engine/memory/memory-engine.ts";
import { SqsTarget } from "./sqs-target.ts";

test("a queue gets body, attributes and trace; what SQS refuses is refused in its words", async () => {
  const clock = new ManualClock();
  const engine = createMemoryEngine({ clock, random: Math.random });
  const queues = new QueueService({
    engine,
    clock,
    newId: () => "00000000-0000-4000-8000-000000000000",
    onError: (error) => assert.fail(String(error)),
  });
  await queues.start();
  await queues.create({ scope, name: "q" }, {}, {});
  const target = new SqsTarget(queues);
  const arn = `arn:aws:sqs:${scope.region}:${scope.account}:`;
  const body = Buffer.from('{"a":1}');

  const taken = await target.send(`${arn}q`, {
    body,
    attributes: { ErrorCode: { type: "Number", value: "200" } },
    traceId: "Root=1-2-3",
  });
  const [message] = await (await queues.messages({ scope, name: "q" })).receive({ max: 1 });

  assert.deepEqual(taken, { kind: "taken" });
  assert.equal(message?.body, '{"a":1}');
  assert.deepEqual(message.attributes, { ErrorCode: { dataType: "Number", stringValue: "200" } });
  assert.equal(message.traceHeader, "Root=1-2-3");
  assert.deepEqual(await target.send(`${arn}gone`, { body }), {
    kind: "refused",
    reason: "The specified queue does not exist.",
  });
  assert.equal((await target.send(`${arn}q`, { body: Buffer.alloc(2_000_000, "1") })).kind, "refused");
  await queues.close();
  await engine.close();
});
