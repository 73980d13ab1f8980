import assert from "node:assert/strict";
import { test } from "node:test";

import { canForward6, Forwarding, type KernelSwitches } from "./forwarding.ts";

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

const forwarding4 = "/proc/sys/net/ipv4/conf/eth0/forwarding";
const all6 = "/proc/sys/net/ipv6/conf/all/forwarding";

test("a link is guarded before it begins to forward, once, and is put back at the end", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "0" });
  const guarded: string[] = [];
  const forwarding = new Forwarding("table", { 4: [], 6: [] }, switches, async (table, family, link) => {
    assert.equal(switches.read(forwarding4), "0");
    guarded.push(`${table} ${family} ${link}`);
  });

  await Promise.all([forwarding.enableUplink(4, "eth0"), forwarding.enableUplink(4, "eth0")]);
  assert.deepEqual(guarded, ["table 4 eth0"]);
  assert.equal(switches.read(forwarding4), "1");
  forwarding.restore();
  assert.equal(switches.read(forwarding4), "0");
});

test("a link that the host had forward already stays as it is", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "1" });
  const forwarding = new Forwarding("table", { 4: [], 6: [] }, switches, () => assert.fail("guarded"));

  await forwarding.enableUplink(4, "eth0");
  forwarding.restore();
  assert.equal(switches.read(forwarding4), "1");
});

test("what a crashed run had switched on is switched off by the next", () => {
  const switches = new FakeSwitches({ [forwarding4]: "1" });

  new Forwarding("table", { 4: ["eth0"], 6: [] }, switches, () => assert.fail("guarded")).restore();
  assert.equal(switches.read(forwarding4), "0");
});

test("a link that cannot be guarded does not forward, and is tried again", async () => {
  const switches = new FakeSwitches({ [forwarding4]: "0" });
  let attempts = 0;
  const forwarding = new Forwarding("table", { 4: [], 6: [] }, switches, async () => {
    if (attempts++ === 0) throw new Error("no");
  });

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
