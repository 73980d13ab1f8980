import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { advanceUntil, openQueuesBench, type QueuesBench } from "../../../test/support/queues-bench.ts";
import { digestOfAttributes, type MessageAttributes } from "./message-attributes.ts";
import type { MessageQueue, ReceiveRequest } from "./message-queue.ts";
import type { OutgoingMessage, ReceivedMessage, SentMessageAnswer } from "./message.ts";
import { prepareMessage } from "./outgoing-message.ts";
import { queueArn, type QueueRef } from "./queue-record.ts";

const scope = { account: "111122223333", region: "eu-west-1" };
const standard: QueueRef = { scope, name: "q" };
const fifo: QueueRef = { scope, name: "q.fifo" };
const dead: QueueRef = { scope, name: "dead" };

async function open({ queues }: QueuesBench, queue: QueueRef, attributes = {}): Promise<MessageQueue> {
  const type = queue.name.endsWith(".fifo") ? { FifoQueue: "true" } : {};
  await queues.create(queue, { ...type, ...attributes }, {});
  return queues.messages(queue);
}

async function send(queue: MessageQueue, ...messages: readonly OutgoingMessage[]): Promise<SentMessageAnswer[]> {
  return queue.send(messages.map((message) => prepareMessage(queue.record.settings, message, "sender")));
}

async function receive(
  queue: MessageQueue,
  request: Partial<ReceiveRequest> = {},
): Promise<readonly ReceivedMessage[]> {
  return queue.receive({ max: 10, ...request });
}

async function textsOf(queue: MessageQueue, request: Partial<ReceiveRequest> = {}): Promise<string[]> {
  return (await receive(queue, request)).map(({ body }) => body);
}

function withAttribute(name: string, dataType: string, stringValue = "x"): OutgoingMessage {
  return { body: "x", attributes: { [name]: { dataType, stringValue } } };
}

function inGroup(groupId: string, body: string, deduplicationId?: string): OutgoingMessage {
  return deduplicationId === undefined ? { body, groupId } : { body, groupId, deduplicationId };
}

const invalid = { code: "InvalidParameterValueException" };

test("a message arrives with what was sent, its digests and its times", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard);
  const attributes: MessageAttributes = {
    text: { dataType: "String", stringValue: "é" },
    bytes: { dataType: "Binary.png", binaryValue: Uint8Array.of(0, 255) },
    number: { dataType: "Number.int", stringValue: "-1.5e3" },
  };
  const sentAtMs = bench.clock.now();
  const [sent] = await send(queue, { body: "hello", attributes, traceHeader: "Root=1-2-3", groupId: "tenant" });
  bench.clock.advance(10);

  const [message] = await receive(queue);

  assert(sent !== undefined && message !== undefined);
  assert.equal(sent.bodyDigest, createHash("md5").update("hello").digest("hex"));
  assert.equal(sent.attributesDigest, digestOfAttributes(attributes));
  assert.equal(sent.sequenceNumber, undefined);
  assert.deepEqual(message, {
    id: sent.id,
    receiptHandle: message.receiptHandle,
    body: "hello",
    bodyDigest: sent.bodyDigest,
    attributes,
    senderId: "sender",
    sentAtMs,
    firstReceivedAtMs: sentAtMs + 10,
    receiveCount: 1,
    traceHeader: "Root=1-2-3",
    groupId: "tenant",
  });
});

test("digests of attributes are those that AWS's clients compute", () => {
  // From a recorded answer of AWS.
  const attributes = {
    "Help.Me": { dataType: "String", stringValue: "Me" },
    Hello: { dataType: "String", stringValue: "There" },
    General: { dataType: "String", stringValue: "Kenobi" },
  };

  assert.equal(digestOfAttributes(attributes), "4c360f3fdafd970e05fae2f149d997f5");
  assert.equal(digestOfAttributes({}), undefined);
});

test("what cannot be a message is refused in AWS's words", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard, { MaximumMessageSize: "1024" });
  const refusal = async (message: OutgoingMessage, expected: object): Promise<void> => {
    await assert.rejects(async () => send(queue, message), expected);
  };

  await refusal({ body: "" }, { code: "MissingRequiredParameterException" });
  await refusal({ body: "\u0000" }, { code: "InvalidMessageContents" });
  await refusal({ body: "\uD800" }, { code: "InvalidMessageContents" });
  await refusal({ body: "x".repeat(1025) }, { message: /Message must be shorter than 1024 bytes\.$/ });
  await refusal({ ...withAttribute("name", "String"), body: "x".repeat(1014) }, { message: /shorter than 1024 bytes/ });
  await refusal({ body: "x", delaySeconds: 901 }, { message: /DelaySeconds must be >= 0 and <= 900\.$/ });
  await refusal({ body: "x", deduplicationId: "d" }, invalid);
  await refusal(withAttribute("", "String"), { message: /non-empty message \(user\) attribute names/ });
  await refusal(withAttribute("AWS.x", "String"), { message: /reserved for internal use/ });
  for (const name of [".a", "a.", "a..b", "a b", "ä", "a".repeat(257)])
    await refusal(withAttribute(name, "String"), invalid);
  await refusal(withAttribute("a", "Text"), { message: /supported type prefixes: Binary, Number, String\.$/ });
  await refusal(withAttribute("a", ""), invalid);
  await refusal(withAttribute("a", "String", ""), { message: /must contain a non-empty value of type 'String'\.$/ });
  await refusal(withAttribute("a", "Number", "ten"), { message: /Can't cast the value/ });
  await refusal(withAttribute("a", "Binary"), { message: /non-empty value of type 'Binary'\.$/ });
  const eleven = Array.from({ length: 11 }, (_, index) => [`a${index}`, { dataType: "String", stringValue: "x" }]);
  await refusal(
    { body: "x", attributes: Object.fromEntries(eleven) as MessageAttributes },
    { message: /\[11\].*\[10\]/ },
  );
  await send(queue, { body: "x".repeat(1024) });
});

test("a message and its attributes may have 1 MiB together", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard);
  const attributes = { a: { dataType: "String", stringValue: '"\n'.repeat(524_284) } };

  await send(queue, { body: "x", attributes });

  assert.deepEqual((await receive(queue))[0]?.attributes, attributes);
  await assert.rejects(async () => send(queue, { body: "xx", attributes }), invalid);
});

test("a received message is hidden for the visibility time, which its receiver can change", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard);
  await send(queue, { body: "a" });
  const [first] = await receive(queue, { visibilitySeconds: 10 });
  const handle = first?.receiptHandle ?? "";

  bench.clock.advance(9000);
  assert.deepEqual(await textsOf(queue), []);
  await queue.changeVisibility(handle, 20);
  bench.clock.advance(19_999);
  assert.deepEqual(await textsOf(queue), []);
  await queue.changeVisibility(handle, 0);
  const [second] = await receive(queue);

  assert.equal(second?.receiveCount, 2);
  await assert.rejects(queue.changeVisibility("nonsense", 1), { code: "ReceiptHandleIsInvalid" });
  await assert.rejects(queue.changeVisibility(second?.receiptHandle ?? "", 43_201), invalid);
});

test("a handle whose time is over hides nothing: a standard queue is silent about it, a FIFO queue tells", async () => {
  await using bench = await openQueuesBench();
  const [plain, ordered] = [await open(bench, standard), await open(bench, fifo)];
  await send(plain, { body: "a" });
  await send(ordered, { body: "a", groupId: "g", deduplicationId: "1" });
  const [one] = await receive(plain, { visibilitySeconds: 1 });
  const [two] = await receive(ordered, { visibilitySeconds: 1 });
  assert(one !== undefined && two !== undefined);
  bench.clock.advance(1000);
  const notAvailable = { message: /not available for visibility timeout change\.$/ };

  await plain.changeVisibility(one.receiptHandle, 60);
  await assert.rejects(ordered.changeVisibility(two.receiptHandle, 60), notAvailable);
  const [again] = await receive(plain, { visibilitySeconds: 5 });
  assert.deepEqual(await textsOf(ordered), ["a"]);
  await plain.changeVisibility(one.receiptHandle, 0);
  assert.deepEqual(await textsOf(plain), [], "another has received it");
  await plain.delete([again?.receiptHandle ?? ""]);
  await assert.rejects(plain.changeVisibility(one.receiptHandle, 0), notAvailable);
});

test("extensions end twelve hours after the receive", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard);
  await send(queue, { body: "a" });
  const [message] = await receive(queue, { visibilitySeconds: 43_200 });
  const handle = message?.receiptHandle ?? "";

  await queue.changeVisibility(handle, 43_200);
  bench.clock.advance(3_600_000);
  await queue.changeVisibility(handle, 39_600);
  await assert.rejects(queue.changeVisibility(handle, 39_601), {
    message: /Total VisibilityTimeout for the message is beyond the limit \[43200 seconds\]$/,
  });
});

test("a standard queue takes any handle of its own for a delete, a FIFO queue only while the message is in flight", async () => {
  await using bench = await openQueuesBench();
  const [plain, ordered] = [await open(bench, standard), await open(bench, fifo)];
  await send(plain, { body: "a" });
  await send(ordered, { body: "a", groupId: "g", deduplicationId: "1" });
  const [one] = await receive(plain, { visibilitySeconds: 1 });
  const [two] = await receive(ordered, { visibilitySeconds: 1 });
  assert(one !== undefined && two !== undefined);
  bench.clock.advance(1000);

  assert.deepEqual(await plain.delete([one.receiptHandle, one.receiptHandle]), [undefined, undefined]);
  assert.deepEqual(await textsOf(plain), []);
  const [expired] = await ordered.delete([two.receiptHandle]);
  assert.match(expired?.message ?? "", /The receipt handle has expired\.$/);
  const [again] = await receive(ordered);
  assert(again !== undefined);
  assert.deepEqual(await ordered.delete([again.receiptHandle]), [undefined]);
  assert.deepEqual(await ordered.delete([again.receiptHandle]), [undefined], "deleting once more is no mistake");
  const [foreign, none] = await plain.delete([again.receiptHandle, ""]);
  assert.match(foreign?.message ?? "", /is not a valid receipt handle\.$/);
  assert(none !== undefined);
});

test("a receive waits for the first message, and for no longer than it was told", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard, { ReceiveMessageWaitTimeSeconds: "5" });
  const startedAtMs = bench.clock.now();

  assert.deepEqual(await advanceUntil(bench, receive(queue)), []);
  assert.equal(bench.clock.now() - startedAtMs, 5000);
  assert.deepEqual(await textsOf(queue, { waitSeconds: 0 }), []);

  const waiting = textsOf(queue, { waitSeconds: 20 });
  await send(queue, { body: "late", delaySeconds: 3 });
  assert.deepEqual(await advanceUntil(bench, waiting), ["late"]);
  assert.equal(bench.clock.now() - startedAtMs, 8000);

  const leaving = new AbortController();
  const left = textsOf(queue, { waitSeconds: 20, signal: leaving.signal });
  leaving.abort();
  assert.deepEqual(await left, []);
  await send(queue, { body: "for others" });
  assert.deepEqual(await textsOf(queue), ["for others"]);
});

test("messages are delayed as the queue or they themselves say", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard, { DelaySeconds: "10" });
  await send(queue, { body: "at once", delaySeconds: 0 }, { body: "later" });

  assert.deepEqual(await textsOf(queue), ["at once"]);
  assert.deepEqual(await queue.stats(), { visible: 0, inFlight: 1, delayed: 1 });
  bench.clock.advance(10_000);
  assert.deepEqual(await textsOf(queue), ["later"]);
});

test("a FIFO queue delivers each group in order, to one receiver at a time", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, fifo);
  const sent = await send(
    queue,
    inGroup("g", "g1", "1"),
    inGroup("g", "g2", "2"),
    inGroup("h", "h1", "3"),
    inGroup("g", "g3", "4"),
  );
  const numbers = sent.map(({ sequenceNumber }) => sequenceNumber ?? "");

  assert(numbers.every((number) => /^\d{20}$/.test(number)));
  assert.deepEqual(numbers.toSorted(), numbers);
  const [g1] = await receive(queue, { max: 1 });
  assert.deepEqual([g1?.body, g1?.sequenceNumber, g1?.groupId, g1?.deduplicationId], ["g1", numbers[0], "g", "1"]);
  assert.deepEqual(await textsOf(queue), ["h1"], "the group is held by who has its first message");
  await queue.delete([g1?.receiptHandle ?? ""]);
  assert.deepEqual(await textsOf(queue), ["g2", "g3"]);
});

test("duplicates of a FIFO queue are dropped for five minutes, by id or by content, in the queue or in the group", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, fifo, { ContentBasedDeduplication: "true" });
  const [first, same, other] = await send(queue, inGroup("g", "a"), inGroup("h", "a"), inGroup("g", "a", "x"));
  assert.deepEqual([same?.id, same?.sequenceNumber], [first?.id, first?.sequenceNumber]);
  assert.notEqual(other?.id, first?.id);
  const received = await receive(queue);
  assert.equal(received[0]?.deduplicationId, createHash("sha256").update("a").digest("hex"));
  await queue.delete(received.map(({ receiptHandle }) => receiptHandle));
  bench.clock.advance(299_999);
  assert.equal((await send(queue, inGroup("g", "a")))[0]?.id, first?.id);
  bench.clock.advance(1);
  assert.notEqual((await send(queue, inGroup("g", "a")))[0]?.id, first?.id);

  await bench.queues.setAttributes(fifo, { DeduplicationScope: "messageGroup" });
  const [inG, inH] = await send(queue, inGroup("g", "b"), inGroup("h", "b"));
  assert.notEqual(inG?.id, inH?.id);
});

test("a FIFO queue wants a group and a way to tell duplicates, and delays messages only as a whole", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, fifo);
  const refusal = async (message: OutgoingMessage, expected: object): Promise<void> => {
    await assert.rejects(async () => send(queue, message), expected);
  };

  await refusal({ body: "a", deduplicationId: "d" }, { code: "MissingRequiredParameterException" });
  await refusal({ body: "a", groupId: "g" }, invalid);
  await refusal({ body: "a", groupId: "g", deduplicationId: "d", delaySeconds: 1 }, invalid);
  await refusal({ body: "a", groupId: "g h", deduplicationId: "d" }, invalid);
  await refusal({ body: "a", groupId: "g", deduplicationId: "d".repeat(129) }, invalid);
  await send(queue, { body: "a", groupId: "g", deduplicationId: "d", delaySeconds: 0 });
});

test("a receive attempt that is repeated gets the same messages as long as nothing has happened to them", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, fifo, { ContentBasedDeduplication: "true" });
  await send(queue, { body: "a", groupId: "g" }, { body: "b", groupId: "g" });
  const attemptId = "try-1";

  const first = await receive(queue, { attemptId, visibilitySeconds: 10 });
  bench.clock.advance(9000);
  assert.deepEqual(await receive(queue, { attemptId, visibilitySeconds: 10 }), first);
  bench.clock.advance(9999);
  assert.deepEqual(await textsOf(queue), [], "the visibility time began anew");
  await queue.delete([first[0]?.receiptHandle ?? ""]);
  assert.deepEqual(await receive(queue, { attemptId }), [], "one of them is gone");
  bench.clock.advance(60_000);
  assert.deepEqual(await textsOf(queue, { attemptId }), ["b"]);
});

test("messages expire when the queue has kept them long enough, in flight or not", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard, { MessageRetentionPeriod: "60" });
  await send(queue, { body: "in flight" }, { body: "waiting" });
  await receive(queue, { max: 1, visibilitySeconds: 600 });
  bench.clock.advance(59_999);
  await send(queue, { body: "young" });
  assert.equal((await queue.stats()).visible, 2);

  bench.clock.advance(1);
  assert.deepEqual(await textsOf(queue), ["young"]);
  assert.deepEqual(await queue.stats(), { visible: 0, inFlight: 1, delayed: 0 });
});

test("an idle queue is rid of expired messages too", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard, { MessageRetentionPeriod: "60" });
  await send(queue, ...Array.from({ length: 600 }, () => ({ body: "x" })));

  bench.clock.advance(3_600_000);
  await bench.queues.close();

  const [key] = await bench.engine.queues.list(["sqs-messages"]);
  assert(key !== undefined);
  assert.equal((await (await bench.engine.queues.open(key)).stats()).visible, 0);
});

test("a message that was received too often moves to the dead-letter queue as it is", async () => {
  await using bench = await openQueuesBench();
  const deadLetters = await open(bench, dead);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(dead), maxReceiveCount: 2 });
  const queue = await open(bench, standard, { RedrivePolicy, VisibilityTimeout: "0" });
  const sentAtMs = bench.clock.now();
  const attributes = { a: { dataType: "String", stringValue: "x" } };
  const [sent] = await send(queue, { body: "worn", attributes });
  bench.clock.advance(1000);

  assert.deepEqual([await textsOf(queue), await textsOf(queue), await textsOf(queue)], [["worn"], ["worn"], []]);

  assert.equal((await queue.stats()).visible, 0);
  const [given] = await receive(deadLetters);
  assert.deepEqual(
    { ...given, receiptHandle: undefined, firstReceivedAtMs: undefined, bodyDigest: undefined },
    {
      id: sent?.id,
      receiptHandle: undefined,
      firstReceivedAtMs: undefined,
      bodyDigest: undefined,
      body: "worn",
      attributes,
      senderId: "sender",
      sentAtMs,
      receiveCount: 3,
      deadLetterSourceArn: queueArn(standard),
    },
  );
});

test("a receive goes on to what can be delivered when it meets what cannot", async () => {
  await using bench = await openQueuesBench();
  await open(bench, dead);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(dead), maxReceiveCount: 1 });
  const queue = await open(bench, standard, { RedrivePolicy, VisibilityTimeout: "0" });
  await send(queue, ...Array.from({ length: 25 }, () => ({ body: "worn" })));
  for (let round = 0; round < 3; round++) await receive(queue);
  await send(queue, { body: "fresh" });
  const waiting = textsOf(queue, { max: 10, visibilitySeconds: 60 });

  assert.deepEqual(await waiting, ["fresh"]);
  assert.equal((await (await bench.queues.messages(dead)).stats()).visible, 25);
});

test("a message stays where it is when the dead-letter queue is gone", async () => {
  await using bench = await openQueuesBench();
  await open(bench, dead);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(dead), maxReceiveCount: 1 });
  const queue = await open(bench, standard, { RedrivePolicy, VisibilityTimeout: "0" });
  await send(queue, { body: "worn" });
  await receive(queue);
  await bench.queues.delete(dead);

  assert.deepEqual(await textsOf(queue), ["worn"]);
});

test("a message counts its age from its first queue on, but in a FIFO queue anew", async () => {
  await using bench = await openQueuesBench();
  const deadFifo = { scope, name: "dead.fifo" };
  const retention = { MessageRetentionPeriod: "60", VisibilityTimeout: "0" };
  for (const [from, to] of [
    [standard, dead],
    [fifo, deadFifo],
  ] as const) {
    const deadLetters = await open(bench, to, retention);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(to), maxReceiveCount: 1 });
    const queue = await open(bench, from, { ...retention, RedrivePolicy });
    await send(queue, { body: "old", ...(from === fifo ? { groupId: "g", deduplicationId: "d" } : {}) });
    bench.clock.advance(50_000);
    await receive(queue);
    await receive(queue);
    bench.clock.advance(10_000);

    assert.deepEqual(await textsOf(deadLetters), from === fifo ? ["old"] : []);
  }
});

test("a queue has at most 120,000 messages in flight", async () => {
  await using bench = await openQueuesBench();
  const queue = await open(bench, standard);
  const [key] = await bench.engine.queues.list(["sqs-messages"]);
  assert(key !== undefined);
  const below = await bench.engine.queues.open(key);
  const tenThousand = Array.from({ length: 10_000 }, () => ({ body: new Uint8Array(), attributes: { senderId: "s" } }));
  for (let sent = 0; sent < 120_000; sent += tenThousand.length) await below.send(tenThousand);
  for (let taken = 0; taken < 120_000; taken += 10_000) await below.receive({ max: 10_000, visibilityMs: 60_000 });
  await send(queue, { body: "one more" });

  await assert.rejects(receive(queue), { code: "OverLimit" });
  assert.deepEqual(await advanceUntil(bench, textsOf(queue, { waitSeconds: 1 })), [], "who waits is not told");
  bench.clock.advance(60_000);
  assert.equal((await receive(queue)).length, 10);
});
