/**
 * What AWS answered, recorded, against what Hearth answers: every recorded case of SQS alone is played again through the
 * SDK, in JSON and in AWS Query as it was recorded, and each answer must be ours, key by key.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf } from "../../../test/parity/known-misses.ts";
import { openQueuesBench, advanceUntil, serveQueues, type QueuesBench } from "../../../test/support/queues-bench.ts";
import { compareCase, sleptAfterMs } from "../../../test/support/recorded-cases.ts";
import { RecordedClients, type Outcome } from "../../../test/support/recorded-clients.ts";
import { openRecordings, RecordedIds, type RecordedCase } from "../../../test/support/recordings.ts";

const { skip, cases: all } = openRecordings("sqs");
const ours = new Set(["sqs", "sqs-query"]);
const cases = all.filter(({ calls }) => calls.every(({ service }) => ours.has(service)));

/** Answers of AWS that must be ours, of those that can be reached. */
const demandedShare = 0.95;

async function play(bench: QueuesBench, clients: RecordedClients, { id, calls }: RecordedCase): Promise<Outcome[]> {
  const ids = new RecordedIds(id);
  const outcomes: Outcome[] = [];
  for (const call of calls) {
    const outcome = await advanceUntil(bench, clients.call({ ...call, params: ids.translated(call.params) }));
    assert(outcome !== undefined, `no client of ${call.service}`);
    outcomes.push(outcome);
    if ("output" in outcome) ids.learn(call.op, outcome.output);
    bench.clock.advance(sleptAfterMs[call.op] ?? 0);
  }
  return outcomes;
}

let reached = 0;
let matched = 0;

for (const each of cases) {
  const name = each.id.replace(/^.*::/, "");
  test(`answers as AWS did: ${name}`, { skip }, async () => {
    await using bench = await openQueuesBench();
    await using endpoint = await serveQueues(bench);
    using clients = new RecordedClients(endpoint.url);

    const { answers } = compareCase(each, await play(bench, clients, each));

    const misses = answers.filter(({ differences }) => differences.length > 0);
    reached += answers.length;
    matched += answers.length - misses.length;
    assert.deepEqual(
      misses.filter((miss) => reasonOf(name, miss.name) === undefined),
      [],
    );
  });
}

test("at least 95 % of the recorded answers are ours", { skip }, (t) => {
  t.diagnostic(`${matched} of ${reached} answers of ${cases.length} cases`);
  assert(matched >= demandedShare * reached, `${matched} of ${reached}`);
});
