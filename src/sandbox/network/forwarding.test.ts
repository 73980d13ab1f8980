import assert from "node:assert/strict";
import { test } from "node:test";

import { canForward6, Forwarding, type Guards, type KernelSwitches } from "./forwarding.ts";

class FakeSwitches implements KernelSwitches {
  readonly values: Map<string, string>;
  constructor(values: Readonly<Record<string, string>>) {
    this.values = new Map(Object.entries(values));
  }
  exists(path: string): boolean {
    return this.values.has(path);
  }
  read(path: string): string {
    return this.values.get(path) ?? "";
  }
  write(path: string, value: string): void {
    this.values.set(path, value);
  }
}

function guardsWith(add: Guards["add"], others: readonly string[] = []): Guards {
  return { add, ofOthers: async () => ({ 4: others, 6: [] }) };
}

const noGuards = guardsWith(() => assert.fail("guarded"));

const forwarding4 = "/proc/sys/net/ipv4/conf/eth0/forwarding";
const all6 = "/proc/sys/net/ipv6/conf/all/forwarding";

test("a link is guarded before it begins to forward, once, and is put back at the end", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "0" });
  const guarded: string[] = [];
  const guards = guardsWith(async (table, family, link) => {
    assert.equal(switches.read(forwarding4), "0");
    guarded.push(`${table} ${family} ${link}`);
  });
  const forwarding = new Forwarding("table", { 4: [], 6: [] }, switches, guards);

  await Promise.all([forwarding.enableUplink(4, "eth0"), forwarding.enableUplink(4, "eth0")]);
  assert.deepEqual(guarded, ["table 4 eth0"]);
  assert.equal(switches.read(forwarding4), "1");
  await forwarding.restore();
  assert.equal(switches.read(forwarding4), "0");
});

test("a link that the host had forward already stays as it is", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "1" });
  const forwarding = new Forwarding("table", { 4: [], 6: [] }, switches, noGuards);

  await forwarding.enableUplink(4, "eth0");
  await forwarding.restore();
  assert.equal(switches.read(forwarding4), "1");
});

test("what a crashed run had switched on is switched off by the next", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "1" });

  await new Forwarding("table", { 4: ["eth0"], 6: [] }, switches, noGuards).restore();
  assert.equal(switches.read(forwarding4), "0");
});

test("a link that several Hearths use goes on forwarding until the last of them ends", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "1" });
  const guarded: string[] = [];
  const others = ["eth0"];
  const guards = guardsWith(async (_table, _family, link) => void guarded.push(link), others);
  const [second, third] = [1, 2].map(() => new Forwarding("table", { 4: [], 6: [] }, switches, guards));

  await second?.enableUplink(4, "eth0");
  await third?.enableUplink(4, "eth0");
  await second?.restore();
  assert.deepEqual(guarded, ["eth0", "eth0"]);
  assert.equal(switches.read(forwarding4), "1");

  others.pop();
  await third?.restore();
  assert.equal(switches.read(forwarding4), "0");
});

test("a link that cannot be guarded does not forward, and is tried again", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "0" });
  let attempts = 0;
  const guards = guardsWith(async () => {
    if (attempts++ === 0) throw new Error("no");
  });
  const forwarding = new Forwarding("table", { 4: [], 6: [] }, switches, guards);

  await assert.rejects(forwarding.enableUplink(4, "eth0"), /no/);
  assert.equal(switches.read(forwarding4), "0");
  await forwarding.enableUplink(4, "eth0");
  assert.equal(switches.read(forwarding4), "1");
});

test("IPv6 is offered where each link can be switched, or the host forwards it already", () => {
  assert(canForward6(new FakeSwitches({ "/proc/sys/net/ipv6/conf/all/force_forwarding": "0", [all6]: "0" })));
  assert(canForward6(new FakeSwitches({ [all6]: "1" })));
  assert(!canForward6(new FakeSwitches({ [all6]: "0" })));
  assert(!canForward6(new FakeSwitches({})));
});
