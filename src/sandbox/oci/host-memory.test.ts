import assert from "node:assert/strict";
import { test } from "node:test";
import { availableBytesOf, readHostMemory, stalledShareOf } from "./host-memory.ts";

test("what is available is what the kernel says could be had, caches that can be dropped included", () => {
  const meminfo = "MemTotal:       24683520 kB\nMemFree:         1000000 kB\nMemAvailable:    2000000 kB\n";

  assert.equal(availableBytesOf(meminfo), 2_000_000 * 1024);
  assert.throws(() => availableBytesOf("MemTotal: 1 kB\n"), /does not say/);
});

test("of stalls the share of the last ten seconds counts in which something stood still", () => {
  const pressure =
    "some avg10=12.50 avg60=1.00 avg300=0.00 total=7669527\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n";

  assert.equal(stalledShareOf(pressure), 0.125);
  assert.equal(stalledShareOf(undefined), undefined);
});

test("this machine's own figures are read; a cgroup's stalls go before the machine's", () => {
  const cgroups = { memoryPressure: () => "some avg10=50.00 avg60=0.00 avg300=0.00 total=1\n" };

  const memory = readHostMemory(cgroups);

  assert(memory.availableBytes > 0);
  assert.equal(memory.stalledShare, 0.5);
});
