/**
 * What function code reaches over the network: its own loopback, the public internet where egress is open, what the
 * owner allowed by name, and nothing else. The whole Hearth runs on a host made of network namespaces, with an internet
 * beside it in which every forbidden address would answer.
 */
import type { LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, test } from "node:test";

import { questionOf } from "../../src/sandbox/network/dns-message.ts";
import { hostResolvers } from "../../src/sandbox/network/resolv-conf.ts";
import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";
import { becomeHost, createNetwork, output, type Network } from "../support/networks.ts";

becomeHost();

const publicAddress = "9.9.9.9";
const publicAddress6 = "2620:fe::fe";
const forbidden = [
  "169.254.169.254",
  "169.254.170.2",
  "10.1.2.3",
  "172.16.5.5",
  "192.168.7.7",
  "100.100.100.200",
  "198.18.0.1",
  "fd00:ec2::254",
  "fd12::3",
];

const internetServer = `
  require("node:net").createServer((socket) => socket.on("error", () => {}).end("hello")).listen(80, "::");`;

/** Tries each address with one connection; tells what came, or the error. Listens where it is asked to. */
const prober = {
  "app.py": `
import concurrent.futures, os, socket
kept = []

def attempt(target):
    address, port = target
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(4)
            connection.connect(place)
            return "connected: " + connection.recv(100).decode()
    except OSError as error:
        return type(error).__name__ + ": " + str(error.strerror or error)

def handler(event, context):
    if "resolve" in event:
        try:
            return sorted({entry[4][0] for entry in socket.getaddrinfo(event["resolve"], 80, socket.AF_INET)})
        except OSError as error:
            return type(error).__name__
    if event.get("listen"):
        listener = socket.create_server(("0.0.0.0", event["listen"]))
        kept.append(listener)
        route = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        route.connect(("${publicAddress}", 9))
        return route.getsockname()[0]
    if event.get("interfaces"):
        return [name for _, name in socket.if_nameindex()]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return list(pool.map(attempt, event["targets"]))
`,
};

/** Answers every name with one address, on the addresses of the host's own resolvers. */
class NameServer {
  readonly asked: string[] = [];
  readonly #sockets: Socket[] = [];

  async start(): Promise<void> {
    for (const { address, port } of hostResolvers()()) {
      const isIPv6 = address.includes(":");
      if (!/^(127\.|::1)/.test(address)) await output("ip", "addr", "add", address, "dev", "lo");
      const socket = createSocket(isIPv6 ? "udp6" : "udp4");
      socket.on("message", (query, from) => {
        const question = questionOf(query);
        if (question === undefined) return;
        this.asked.push(question.name);
        socket.send(answerTo(query, question.bytes), from.port, from.address);
      });
      socket.bind(port, address);
      await once(socket, "listening");
      this.#sockets.push(socket);
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

/** One A record with the public address; RFC 1035 section 4.1. */
function answerTo(query: Buffer, question: Buffer): Buffer {
  const header = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  query.copy(header, 0, 0, 2);
  const address = publicAddress.split(".").map(Number);
  return Buffer.concat([header, question, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address])]);
}

const nameServer = new NameServer();
let internet: Network;
let hearth: RunningHearth;
let lambda: LambdaClient;
let name: string;
const hostServers: Server[] = [];

const python = { Runtime: "python3.11", Handler: "app.handler", Timeout: 30, MemorySize: 256 } as const;

before(async () => {
  internet = await createNetwork([process.execPath, "--eval", internetServer]);
  await output("ip", "link", "set", "lo", "up");
  await output("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1", "netns", String(internet.pid));
  const inside: typeof output = (command, ...args) => internet.run(command, ...args);
  for (const [run, address, link] of [
    [output, "172.31.0.1/24", "up0"],
    [output, "fd99::1/64", "up0"],
    [inside, "172.31.0.2/24", "up1"],
    [inside, "fd99::2/64", "up1"],
  ] as const) {
    await run("ip", "addr", "add", address, "dev", link, ...(address.includes(":") ? ["nodad"] : []));
    await run("ip", "link", "set", link, "up");
  }
  for (const address of [publicAddress, publicAddress6, ...forbidden]) {
    await internet.run("ip", "addr", "add", address, "dev", "lo");
  }
  await output("ip", "route", "add", "default", "via", "172.31.0.2");
  await output("ip", "-6", "route", "add", "default", "via", "fd99::2");
  while (!(await internet.fetch("127.0.0.1", 80)).startsWith("hello"));
  await nameServer.start();
  hearth = await startHearth();
  lambda = hearth.lambda();
  name = await createFunction(lambda, prober, python);
});

after(async () => {
  for (const server of hostServers) server.close();
  nameServer.close();
  await hearth[Symbol.asyncDispose]();
  await internet.end();
});

async function ask(event: object, functionName = name, client = lambda): Promise<unknown> {
  const { payload, functionError, log } = await invoke(client, functionName, event);
  assert.equal(functionError, undefined, log);
  return payload;
}

async function reach(
  targets: readonly (readonly [string, number])[],
  functionName = name,
  client = lambda,
): Promise<string[]> {
  return (await ask({ targets }, functionName, client)) as string[];
}

async function listenOnHost(address: string): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => undefined).end("the host")).listen(0, address);
  hostServers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Refused at once by the sandbox's own loopback, the packet filter, or for want of a route. */
const refused =
  /^(ConnectionRefusedError|OSError: (No route to host|Network is unreachable|Permission denied)|PermissionError)/;

test("with egress open, the internet is reached over IPv4 and IPv6, by address and by name", async () => {
  assert.deepEqual(
    await reach([
      [publicAddress, 80],
      [publicAddress6, 80],
      ["somewhere.example", 80],
    ]),
    ["connected: hello", "connected: hello", "connected: hello"],
  );
  assert.deepEqual(await ask({ resolve: "elsewhere.example" }), [publicAddress]);
  assert(nameServer.asked.includes("elsewhere.example"));
});

test("names of the host's own loopback and of Hearth are never asked outside", async () => {
  assert.equal(await ask({ resolve: "secrets.hearth.internal" }), "gaierror");

  assert(!nameServer.asked.some((asked) => asked.endsWith("hearth.internal")));
});

test("metadata services, private networks and special ranges are refused, though they would answer", async () => {
  // The host itself does reach them: it is the sandbox that is refused.
  for (const address of ["169.254.169.254", "10.1.2.3"]) {
    assert.match(await output("bash", "-c", `exec 3<>/dev/tcp/${address}/80; cat <&3`), /hello/, address);
  }

  const answers = await reach(forbidden.map((address) => [address, 80] as const));

  for (const [index, answer] of answers.entries()) assert.match(answer, refused, forbidden[index]);
});

test("no port of the host answers: not on loopback, not by any of its addresses, not through the gateway", async () => {
  const ports = [
    await listenOnHost("0.0.0.0"),
    await listenOnHost("127.0.0.1"),
    await listenOnHost("::"),
    Number(new URL(hearth.endpoint).port),
  ];
  const addresses = Object.entries(networkInterfaces()).flatMap(([, list = []]) =>
    list.map(({ address, scopeid }) => (scopeid === undefined || scopeid === 0 ? address : `${address}%eth0`)),
  );
  assert(addresses.includes("172.31.0.1") && addresses.includes("fd99::1"));
  assert(addresses.some((address) => address.startsWith("fe80:")));
  const targets = [...addresses, "169.254.1.1", "fe80::1%eth0", "0.0.0.0", "::"].flatMap((address) =>
    ports.map((port) => [address, port] as const),
  );

  const answers = await reach(targets);

  for (const [index, answer] of answers.entries()) {
    assert.doesNotMatch(answer, /^connected/, String(targets[index]));
    if (!/%/.test(targets[index]?.[0] ?? "")) assert.match(answer, refused, String(targets[index]));
  }
});

test("another sandbox's address does not answer", async () => {
  const other = await createFunction(lambda, prober, python);
  const address = String(await ask({ listen: 8080 }, other));
  const own = String(await ask({ listen: 8081 }));
  assert.notEqual(address, own);

  const [foreign = ""] = await reach([[address, 8080]]);
  const mine = await internet.fetch(address, 8080);

  assert.match(foreign, refused);
  assert.doesNotMatch(mine, /^$/, "nor from outside the host");
});

test("what the owner allows is reached, and nothing beside it", async () => {
  await using open = await startHearth({ settings: { egressAllow: "10.1.0.0/16,fd12::3" } });
  const client = open.lambda();
  const allowed = await createFunction(client, prober, python);

  const answers = await reach(
    [
      ["10.1.2.3", 80],
      ["fd12::3", 80],
      [publicAddress, 80],
      ["169.254.169.254", 80],
      ["192.168.7.7", 80],
      ["fd00:ec2::254", 80],
      ["172.31.0.1", await listenOnHost("0.0.0.0")],
    ],
    allowed,
    client,
  );

  assert.deepEqual(answers.slice(0, 3), ["connected: hello", "connected: hello", "connected: hello"]);
  for (const answer of answers.slice(3)) assert.match(answer, refused);
});

test("a function in a VPC reaches what its security groups list, cold from nothing and from the pool alike", async () => {
  await using mapped = await startHearth({
    settings: { securityGroups: "sg-1=10.1.0.0/16,sg-2=0.0.0.0/0,sg-3=", egressAllow: "192.168.0.0/16" },
  });
  const client = mapped.lambda();
  const inGroups = (...SecurityGroupIds: string[]) =>
    createFunction(client, prober, { ...python, VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds } });
  const targets = [
    ["10.1.2.3", 80],
    [publicAddress, 80],
    ["169.254.169.254", 80],
    ["192.168.7.7", 80],
    ["172.31.0.1", await listenOnHost("0.0.0.0")],
  ] as const;
  const isReached = async (functionName: string): Promise<boolean[]> => {
    const answers = await reach(targets, functionName, client);
    for (const answer of answers) assert.match(answer.startsWith("connected") ? "refused" : answer, /refused|Error/);
    return answers.map((answer) => answer.startsWith("connected"));
  };

  assert.deepEqual(await isReached(await inGroups("sg-1")), [true, false, false, false, false]);
  assert.deepEqual(await isReached(await inGroups("sg-1")), [true, false, false, false, false], "from the pool");
  assert.deepEqual(await isReached(await inGroups("sg-2")), [false, true, false, false, false]);
  assert.deepEqual(await isReached(await inGroups("sg-2", "sg-1")), [true, true, false, false, false]);
  assert.deepEqual(await isReached(await inGroups("sg-3")), [false, false, false, false, false]);
  assert.deepEqual(await isReached(await createFunction(client, prober, python)), [false, true, false, true, false]);
});

test("without egress there is loopback and nothing else, and no name leaves the sandbox", async () => {
  await using closed = await startHearth({ settings: { egress: "none" } });
  const client = closed.lambda();
  const alone = await createFunction(client, prober, python);
  const port = await listenOnHost("0.0.0.0");

  const answers = await reach(
    [publicAddress, publicAddress6, ...forbidden].map((address) => [address, 80] as const),
    alone,
    client,
  );
  const [loopback = ""] = await reach([["127.0.0.1", port]], alone, client);
  const resolved = await ask({ resolve: "tunnel.example" }, alone, client);

  assert.deepEqual(await ask({ interfaces: true }, alone, client), ["lo"]);
  for (const answer of [...answers, loopback]) assert.match(answer, refused);
  assert.equal(resolved, "gaierror");
  assert(!nameServer.asked.includes("tunnel.example"), "a query would carry data out");
});

test("Hearths on one host leave each other's functions their network, also when one ends", async () => {
  const second = await startHearth();
  const client = second.lambda();
  const theirs = await createFunction(client, prober, python);

  assert.deepEqual(await reach([[publicAddress, 80]], theirs, client), ["connected: hello"]);
  await second[Symbol.asyncDispose]();

  assert.deepEqual(await reach([[publicAddress, 80]]), ["connected: hello"]);
});
