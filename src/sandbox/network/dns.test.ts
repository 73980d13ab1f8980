import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { afterEach, beforeEach, test } from "node:test";

import { systemClock } from "../../core/clock.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import { bindDatagramOnLoopback, listenOnLoopback } from "../linux/loopback.ts";
import { messagesPerWindowMax, queriesInFlightMax, serveDns, type DnsServer } from "./dns.ts";
import { emptyAnswer, parseQuery, responseCode, withId } from "./dns-message.ts";
import { DnsUpstream, framed } from "./dns-upstream.ts";
import { hostResolvers, parseResolvConf, type Resolver } from "./resolv-conf.ts";

function queryFor(name: string, id = 0x1234): Buffer {
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return withId(Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]), id);
}

/** An answer with one record, as a resolver gives it. */
function answerTo(query: Buffer): Buffer {
  const answer = Buffer.concat([query, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 9, 9, 9, 9])]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  return answer;
}

const codeOf = (answer: Buffer): number => answer.readUInt16BE(2) & 0xf;

let resolver: Socket;
let port: number;
let seen: Buffer[];
let reply: (query: Buffer) => readonly Buffer[];
let server: DnsServer | undefined;

beforeEach(async () => {
  seen = [];
  reply = (query) => [answerTo(query)];
  resolver = createSocket("udp4").on("message", (query, from) => {
    seen.push(query);
    for (const answer of reply(query)) resolver.send(answer, from.port, from.address);
  });
  resolver.bind(0, "127.0.0.1");
  await once(resolver, "listening");
  port = resolver.address().port;
});

afterEach(() => {
  server?.close();
  resolver.close();
});

function serve(
  egress: "open" | "none" = "open",
  resolvers: readonly Resolver[] = [{ address: "127.0.0.1", port }],
  clock = systemClock,
): number {
  const bound = bindDatagramOnLoopback(0);
  const upstream = new DnsUpstream(() => resolvers, clock);
  server = serveDns({ datagramFd: bound.fd, egress, upstream, clock });
  return bound.port;
}

async function ask(serverPort: number, message: Buffer): Promise<Buffer> {
  const socket = createSocket("udp4");
  socket.send(message, serverPort, "127.0.0.1");
  const [answer] = (await once(socket, "message")) as [Buffer];
  socket.close();
  return answer;
}

test("a query is answered by the host's resolver, under the id that was asked with", async () => {
  const query = queryFor("example.com");

  assert.deepEqual(await ask(serve(), query), answerTo(query));
  assert.equal(seen.length, 1);
});

test("without egress every name is refused and nobody is asked", async () => {
  assert.equal(codeOf(await ask(serve("none"), queryFor("example.com"))), responseCode.refused);
  assert.equal(seen.length, 0);
});

test("loopback and internal names do not exist, and nobody is asked", async () => {
  const serverPort = serve();

  for (const name of ["localhost", "a.LocalHost", "api.hearth.internal"]) {
    assert.equal(codeOf(await ask(serverPort, queryFor(name))), responseCode.nameError, name);
  }
  assert.equal(seen.length, 0);
});

test("forged answers (wrong id, wrong question) are passed over", async () => {
  reply = (query) => [
    answerTo(withId(query, query.readUInt16BE(0) ^ 1)),
    answerTo(withId(queryFor("evil.com"), query.readUInt16BE(0))),
    query,
    answerTo(query),
  ];

  assert.deepEqual(await ask(serve(), queryFor("example.com")), answerTo(queryFor("example.com")));
});

test("the next resolver is asked when the first is silent", async () => {
  const clock = new ManualClock();
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  silent.on("message", () => clock.advance(2000));
  await once(silent, "listening");
  const resolvers = [
    { address: "127.0.0.1", port: silent.address().port },
    { address: "127.0.0.1", port },
  ];

  assert.deepEqual(
    await ask(serve("open", resolvers, clock), queryFor("example.com")),
    answerTo(queryFor("example.com")),
  );
  silent.close();
  assert.equal(clock.pendingTimers, 0);
});

test("a resolver that is not there means a failure, not silence", async () => {
  const gone = createSocket("udp4").bind(0, "127.0.0.1");
  await once(gone, "listening");
  const resolvers = [{ address: "127.0.0.1", port: gone.address().port }];
  gone.close();
  await once(gone, "close");

  assert.equal(codeOf(await ask(serve("open", resolvers), queryFor("example.com"))), responseCode.serverFailure);
});

test("one sandbox has so many queries under way and no more", async () => {
  reply = () => [];
  const clock = new ManualClock();
  const serverPort = serve("open", undefined, clock);
  const socket = createSocket("udp4");
  const answered = once(socket, "message") as Promise<[Buffer]>;
  for (let id = 0; id <= queriesInFlightMax; id++) socket.send(queryFor("example.com", id), serverPort, "127.0.0.1");

  const [answer] = await answered;
  assert.equal(codeOf(answer), responseCode.serverFailure);
  const busy = server;
  assert.equal(busy?.inFlight, queriesInFlightMax);
  socket.close();
  while (busy.inFlight > 0) {
    clock.advance(2000);
    await new Promise(setImmediate);
  }
  assert.equal(clock.pendingTimers, 0);
});

test("a flood is sat out, and queries are answered again afterwards", async () => {
  const clock = new ManualClock();
  const serverPort = serve("none", undefined, clock);
  const socket = createSocket("udp4");
  const flooded = server;
  assert(flooded !== undefined);
  do {
    for (let count = 0; count < messagesPerWindowMax / 10; count++) socket.send(queryFor("x"), serverPort, "127.0.0.1");
    await new Promise(setImmediate);
  } while (!flooded.isPaused);
  socket.close();

  const client = createSocket("udp4");
  const answers: Buffer[] = [];
  client.on("message", (message) => answers.push(message));
  do {
    clock.advance(1000);
    client.send(queryFor("example.com"), serverPort, "127.0.0.1"); // lost while what is left of the flood fills the queue
    await new Promise(setImmediate);
  } while (answers.length === 0);
  assert.equal(codeOf(answers[0] ?? Buffer.alloc(12)), responseCode.refused);
  client.close();
});

test("garbage is ignored or called a format error", async () => {
  const serverPort = serve();
  const truncated = queryFor("example.com").subarray(0, 20);

  assert.equal(codeOf(await ask(serverPort, truncated)), responseCode.formatError);
  assert.equal(parseQuery(Buffer.alloc(5)).kind, "ignored");
  assert.equal(parseQuery(answerTo(queryFor("example.com"))).kind, "ignored");
  const pointer = Buffer.concat([queryFor("x").subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  assert.equal(parseQuery(pointer).kind, "bad");
  const update = queryFor("example.com");
  update.writeUInt16BE(5 << 11, 2);
  assert.deepEqual(parseQuery(update), { kind: "bad", code: responseCode.notImplemented });
  assert.equal(emptyAnswer(truncated, responseCode.formatError).length, 12);
});

test("long answers travel over TCP, several in one stream", async () => {
  const upstreamServer = createServer((stream) =>
    stream.on("data", (bytes) => stream.write(framed(answerTo(bytes.subarray(2))))),
  ).listen(0, "127.0.0.1");
  await once(upstreamServer, "listening");
  const address = upstreamServer.address();
  assert(address !== null && typeof address === "object");
  const [datagram, stream] = [bindDatagramOnLoopback(0), listenOnLoopback(0)];
  const upstream = new DnsUpstream(() => [{ address: "127.0.0.1", port: address.port }], systemClock);
  server = serveDns({ datagramFd: datagram.fd, streamFd: stream.fd, egress: "open", upstream, clock: systemClock });

  const client = createConnection({ host: "127.0.0.1", port: stream.port });
  const [first, second] = [queryFor("one.example", 1), queryFor("two.example", 2)];
  client.write(Buffer.concat([framed(first), framed(second)]));
  let received = Buffer.alloc(0);
  const expected = [framed(answerTo(first)), framed(answerTo(second))];
  for await (const bytes of client) {
    received = Buffer.concat([received, bytes as Buffer]);
    if (received.length >= Buffer.concat(expected).length) break;
  }
  assert(received.includes(expected[0] ?? "") && received.includes(expected[1] ?? ""));
  upstreamServer.close();
});

test("closing gives the descriptors back, and twice is no matter", () => {
  const bound = bindDatagramOnLoopback(0);
  const upstream = new DnsUpstream(() => [], systemClock);
  const closing = serveDns({ datagramFd: bound.fd, egress: "none", upstream, clock: systemClock });

  closing.close();
  closing.close();
  assert(!existsSync(`/proc/self/fd/${bound.fd}`));
});

test("resolvers are read from resolv.conf, three at most; none means the host itself", () => {
  const text =
    "# x\nnameserver 10.0.0.1\nsearch a b\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver 1.1.1.1\nnameserver 8.8.8.8";

  assert.deepEqual(
    parseResolvConf(text).map(({ address }) => address),
    ["10.0.0.1", "fe80::1%eth0", "1.1.1.1"],
  );
  assert.deepEqual(parseResolvConf("search a"), [{ address: "127.0.0.1", port: 53 }]);
  assert.deepEqual(hostResolvers("/nowhere/resolv.conf")(), [{ address: "127.0.0.1", port: 53 }]);
});
