/** Egress against a host, an internet and sandboxes made of network namespaces; this file's thread is the host. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, afterEach, before, suite, test } from "node:test";

import { formatAddress } from "../../src/sandbox/network/addresses.ts";
import { type Egress, EgressUnavailableError, openEgress } from "../../src/sandbox/network/egress.ts";
import { becomeHost, createNetwork, output, type Network } from "../support/networks.ts";

const isRoot = process.getuid?.() === 0;
if (isRoot) becomeHost();

const server = `
  require("node:net").createServer((socket) => socket.on("error", () => {}).end("hello " + socket.remoteAddress)).listen(80, "::");`;

const publicAddresses = ["9.9.9.9", "2620:fe::fe"];
const refusedAddresses = [
  "169.254.169.254",
  "10.1.2.3",
  "172.16.5.5",
  "192.168.7.7",
  "100.100.100.100",
  "fd00:ec2::254",
  "fd12::3",
];

suite("egress", { skip: isRoot ? false : "needs root" }, () => {
  let internet: Network;
  const sandboxes: Network[] = [];
  let egress: Egress | undefined;

  before(async () => {
    internet = await createNetwork([process.execPath, "--eval", server]);
    await output("ip", "link", "set", "lo", "up");
    await output(
      "ip",
      "link",
      "add",
      "up0",
      "mtu",
      "1400",
      "type",
      "veth",
      "peer",
      "name",
      "up1",
      "netns",
      String(internet.pid),
    );
    for (const address of ["172.31.0.1/24", "fd99::1/64"])
      await output("ip", "addr", "add", address, "dev", "up0", ...(address.includes(":") ? ["nodad"] : []));
    await output("ip", "link", "set", "up0", "up");
    await internet.run("ip", "link", "set", "up1", "up");
    for (const address of ["172.31.0.2/24", "fd99::2/64"])
      await internet.run("ip", "addr", "add", address, "dev", "up1", ...(address.includes(":") ? ["nodad"] : []));
    for (const address of [...publicAddresses, ...refusedAddresses])
      await internet.run("ip", "addr", "add", address, "dev", "lo");
    await output("ip", "route", "add", "default", "via", "172.31.0.2");
    await output("ip", "-6", "route", "add", "default", "via", "fd99::2");
    await until(async () => (await internet.fetch("127.0.0.1", 80)).startsWith("hello"));
  });

  afterEach(async () => {
    await egress?.close();
    egress = undefined;
    await Promise.all(sandboxes.splice(0).map((network) => network.end()));
    assert.equal(await output("nft", "list", "ruleset"), "");
    assert.doesNotMatch(await output("ip", "link"), /hth/);
    assert.doesNotMatch((await output("ip", "route")) + (await output("ip", "-6", "route")), /unreachable/);
    assert.equal(readFileSync("/proc/sys/net/ipv4/conf/up0/forwarding", "utf8"), "0\n");
  });

  after(() => internet.end());

  async function sandbox(): Promise<Network> {
    const network = await createNetwork();
    sandboxes.push(network);
    return network;
  }

  test("a sandbox reaches the internet behind the host's address, over IPv4 and IPv6", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    await egress.connect("a", inside.pid);

    assert.equal(await inside.fetch("9.9.9.9", 80), "hello ::ffff:172.31.0.1");
    assert.equal(await inside.fetch("2620:fe::fe", 80), "hello fd99::1");
    assert.match(await inside.run("ip", "link", "show", "eth0"), /mtu 1400/);
  });

  test("metadata services and private networks are refused at once", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    await egress.connect("a", inside.pid);

    for (const address of refusedAddresses) {
      assert.match(await inside.fetch(address, 80), /Connection refused|No route to host|Permission denied/, address);
    }
  });

  test("what is allowed is reached, and nothing beside it", async () => {
    egress = await openEgress({ instance: "t", allow: ["10.1.0.0/16", "fd12::/16"] });
    const inside = await sandbox();
    await egress.connect("a", inside.pid);

    assert.equal(await inside.fetch("10.1.2.3", 80), "hello ::ffff:172.31.0.1");
    assert.equal(await inside.fetch("fd12::3", 80), "hello fd99::1");
    assert.match(await inside.fetch("192.168.7.7", 80), /refused/);
  });

  test("a restricted sandbox reaches its list and nothing else, whatever the others may", async () => {
    egress = await openEgress({ instance: "t", allow: ["172.16.0.0/12"] });
    const [restricted, other] = [await sandbox(), await sandbox()];
    const connection = await egress.connect("a", restricted.pid);
    await egress.connect("b", other.pid);
    connection.restrict(await egress.allowLists.open(["10.1.0.0/16", "fd12::/16"]));

    assert.equal(await restricted.fetch("10.1.2.3", 80), "hello ::ffff:172.31.0.1");
    assert.equal(await restricted.fetch("fd12::3", 80), "hello fd99::1");
    for (const address of ["9.9.9.9", "2620:fe::fe", "172.16.5.5", "192.168.7.7"]) {
      assert.match(await restricted.fetch(address, 80), /refused|No route to host|Permission denied/, address);
    }
    assert.match(await other.fetch("9.9.9.9", 80), /^hello/);
    assert.match(await other.fetch("172.16.5.5", 80), /^hello/);
    assert.match(await other.fetch("10.1.2.3", 80), /refused/);
  });

  test("a list of everything is the internet, not what is private or the host's", async () => {
    const host = createServer((socket) => socket.end("host"))
      .listen(0, "0.0.0.0")
      .unref();
    await once(host, "listening");
    const address = host.address();
    assert(address !== null && typeof address === "object");
    egress = await openEgress({ instance: "t", allow: [] });
    const [inside, single] = [await sandbox(), await sandbox()];
    (await egress.connect("a", inside.pid)).restrict(await egress.allowLists.open(["0.0.0.0/0", "::/0", "8.0.0.0/5"]));
    (await egress.connect("b", single.pid)).restrict(await egress.allowLists.open(["172.31.0.1"]));

    assert.match(await inside.fetch("9.9.9.9", 80), /^hello/);
    for (const refused of refusedAddresses) {
      assert.match(await inside.fetch(refused, 80), /refused|No route to host|Permission denied/, refused);
    }
    assert.match(await inside.fetch("172.31.0.1", address.port), /refused/);
    assert.equal(await single.fetch("172.31.0.1", address.port), "host");
    assert.match(await single.fetch("9.9.9.9", 80), /refused/);
    host.close();
  });

  test("an empty list closes a sandbox off, and links of restricted sandboxes go with the rest", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    (await egress.connect("a", inside.pid)).restrict(await egress.allowLists.open([]));

    assert.match(await inside.fetch("9.9.9.9", 80), /refused/);
    assert.throws(() => egress?.allowLists.get(["10.0.0.0/8"]), /not been prepared/);
    await assert.rejects(egress.allowLists.open(["10.0.0.0/99"]), /no address range/);
  });

  test("the host's own addresses are refused, unless allowed", async () => {
    const host = createServer((socket) => socket.end("host"))
      .listen(0, "0.0.0.0")
      .unref();
    await once(host, "listening");
    const address = host.address();
    assert(address !== null && typeof address === "object");
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    await egress.connect("a", inside.pid);

    const [, linkLocal = ""] =
      /inet6 (fe80:\S+)\/64/.exec(await output("ip", "-6", "addr", "show", "dev", "up0")) ?? [];
    assert.notEqual(linkLocal, "");
    for (const own of ["172.31.0.1", "fd99::1", "169.254.1.1", "fe80::1%eth0", `${linkLocal}%eth0`]) {
      assert.doesNotMatch(await inside.fetch(own, address.port), /host$/, own);
    }
    assert.match(await inside.fetch("172.31.0.1", address.port), /refused/);
    await egress.close();
    egress = await openEgress({ instance: "t", allow: ["172.31.0.1"] });
    const next = await sandbox();
    await egress.connect("b", next.pid);
    assert.equal(await next.fetch("172.31.0.1", address.port), "host");
    host.close();
  });

  test("sandboxes do not reach each other, whatever is allowed", async () => {
    egress = await openEgress({ instance: "t", allow: ["100.64.0.0/10"] });
    const [one, two] = [await sandbox(), await createNetwork([process.execPath, "--eval", server])];
    sandboxes.push(two);
    await egress.connect("one", one.pid);
    const { addresses } = await egress.connect("two", two.pid);
    await until(async () => (await two.fetch("127.0.0.1", 80)).startsWith("hello"));

    assert.equal(addresses.length, 2);
    for (const address of addresses) assert.match(await one.fetch(formatAddress(address), 80), /refused/);
  });

  test("nobody outside reaches into a sandbox", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await createNetwork([process.execPath, "--eval", server]);
    sandboxes.push(inside);
    const { addresses } = await egress.connect("a", inside.pid);
    await until(async () => (await inside.fetch("127.0.0.1", 80)).startsWith("hello"));

    const [address4] = addresses.map(formatAddress);
    await internet.run("ip", "route", "replace", `${address4}/32`, "via", "172.31.0.1");
    assert.match(await internet.fetch(address4 ?? "", 80), /exit 124/);
  });

  test("a host that did not forward before forwards nothing else", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const neighbour = await sandbox();
    await output("ip", "link", "add", "side0", "type", "veth", "peer", "name", "side1", "netns", String(neighbour.pid));
    await output("ip", "addr", "add", "172.30.0.1/24", "dev", "side0");
    await output("ip", "link", "set", "side0", "up");
    await neighbour.run("ip", "addr", "add", "172.30.0.2/24", "dev", "side1");
    await neighbour.run("ip", "link", "set", "side1", "up");
    await neighbour.run("ip", "route", "add", "default", "via", "172.30.0.1");
    await internet.run("ip", "route", "replace", "172.30.0.0/24", "via", "172.31.0.1");
    writeFileSync("/proc/sys/net/ipv4/conf/side0/forwarding", "1"); // so that an answer would find its way
    const inside = await sandbox();
    await egress.connect("a", inside.pid);
    assert.equal(readFileSync("/proc/sys/net/ipv4/conf/up0/forwarding", "utf8"), "1\n");

    assert.match(await internet.fetch("172.30.0.2", 80), /exit 124/);
    await output("nft", "delete", "table", "inet", "hearth_t");
    assert.match(await internet.fetch("172.30.0.2", 80), /refused/); // the table it was
  });

  test("a disconnected sandbox has no network, and disconnecting twice is no matter", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    const connection = await egress.connect("a", inside.pid);

    await connection.disconnect();
    await connection.disconnect();
    assert.match(await inside.fetch("9.9.9.9", 80), /exit 124/);
  });

  test("links of a crashed run are removed and counted, and forwarding it switched on is remembered", async () => {
    const crashed = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    await crashed.connect("a", inside.pid);

    egress = await openEgress({ instance: "t", allow: [] }); // while the other was never closed
    assert.equal(await egress.recover(), 1);
    assert.equal(await egress.recover(), 0);
    const next = await sandbox();
    await egress.connect("b", next.pid);
    assert.match(await next.fetch("9.9.9.9", 80), /^hello/);
  });

  test("a bandwidth cap holds in both directions, and can be lifted", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    const connection = await egress.connect("a", inside.pid, 1_000_000);

    const cap = /tbf .*rate 8Mbit/;
    assert.match(await inside.run("tc", "qdisc", "show", "dev", "eth0"), cap);
    assert.match(await output("tc", "qdisc", "show"), cap);
    assert.match(await inside.fetch("9.9.9.9", 80), /^hello/);
    connection.setBandwidth(2_000_000);
    assert.match(await inside.run("tc", "qdisc", "show", "dev", "eth0"), /rate 16Mbit/);
    connection.setBandwidth(undefined);
    assert.doesNotMatch(await inside.run("tc", "qdisc", "show", "dev", "eth0"), /tbf/);
  });

  test("ranges that the host routes are left to it", async () => {
    await output("ip", "route", "add", "100.127.0.0/17", "via", "172.31.0.2");
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    const { addresses } = await egress.connect("a", inside.pid);

    assert.match(formatAddress(addresses[0] ?? Buffer.alloc(4)), /^100\.126\./);
    await output("ip", "route", "del", "100.127.0.0/17");
  });

  test("two instances on one host take different ranges, and each gives its own back", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const other = await openEgress({ instance: "u", allow: [] });
    const [one, two] = [await sandbox(), await createNetwork([process.execPath, "--eval", server])];
    sandboxes.push(two);
    await until(async () => (await two.fetch("127.0.0.1", 80)).startsWith("hello"));
    const first = await egress.connect("a", one.pid);
    const second = await other.connect("b", two.pid);

    assert.match(formatAddress(first.addresses[0] ?? Buffer.alloc(4)), /^100\.127\./);
    assert.match(formatAddress(second.addresses[0] ?? Buffer.alloc(4)), /^100\.126\./);
    assert.doesNotMatch(await one.fetch(formatAddress(second.addresses[0] ?? Buffer.alloc(4)), 80), /hello/);
    await other.close();
    assert.doesNotMatch(await output("ip", "route"), /unreachable 100\.126\./);
  });

  test("many sandboxes connect at the same time", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const insides = await Promise.all(Array.from({ length: 10 }, () => sandbox()));
    const opened = egress;

    await Promise.all(insides.map((inside, index) => opened.connect(`s${index}`, inside.pid)));
    const answers = await Promise.all(insides.map((inside) => inside.fetch("9.9.9.9", 80)));
    assert(
      answers.every((answer) => answer === "hello ::ffff:172.31.0.1"),
      answers.join("\n"),
    );
  });

  test("without nft egress is refused, naming what is missing", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nowhere";
    try {
      await assert.rejects(openEgress({ instance: "t", allow: [] }), EgressUnavailableError);
    } finally {
      process.env["PATH"] = path;
    }
  });

  test("a sandbox that is gone cannot be connected, and leaves nothing", async () => {
    egress = await openEgress({ instance: "t", allow: [] });
    const inside = await sandbox();
    await inside.end();

    await assert.rejects(egress.connect("gone", inside.pid), /sandbox gone got no network/);
    assert(!existsSync(`/proc/${inside.pid}`));
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}
