/**
 * cgroups v2 against a tree of plain files: the kernel's own behaviour (freezing, killing) is the business of the
 * contract suite on a host that has it. v1 and hybrid are tested for real there.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import type { SandboxLimits } from "../contract.ts";
import { cpuPlan } from "./cpu.ts";
import { openCgroups, unifiedOfHybrid } from "./open.ts";

const root = mkdtempSync(join(tmpdir(), "hearth-cgroup-"));
after(() => rmSync(root, { recursive: true, force: true }));

const hybridMounts = [
  "tmpfs /sys/fs/cgroup tmpfs rw 0 0",
  "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0",
  "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
  "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0",
  "cgroup /sys/fs/cgroup/freezer cgroup rw,freezer 0 0",
  "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0",
].join("\n");

describe("which cgroups the host has", () => {
  test("v1 controllers beside a unified hierarchy are a hybrid", () => {
    const cgroups = openCgroups(hybridMounts, "hearth");

    assert.equal(cgroups.version, "hybrid");
    assert.equal(cgroups.of("a").ociPath, "/hearth/a");
    assert.equal(unifiedOfHybrid(hybridMounts), "/sys/fs/cgroup/unified");
  });

  test("v1 controllers alone are v1", () => {
    const mounts = hybridMounts.split("\n").slice(0, -1).join("\n");

    assert.equal(openCgroups(mounts, "hearth").version, "v1");
    assert.equal(unifiedOfHybrid(mounts), undefined);
  });

  test("a controller that is not mounted is named, and so are no cgroups at all", () => {
    const withoutPids = hybridMounts.replace(/.*pids.*\n/, "");

    assert.throws(() => openCgroups(withoutPids, "hearth"), /controller pids is not mounted/);
    assert.throws(() => openCgroups("", "hearth"), /no cgroups/);
  });
});

describe("cgroup v2", () => {
  const directory = join(root, "hearth", "one");
  const mounts = `cgroup2 ${root} cgroup2 rw 0 0`;
  const value = (file: string): string => readFileSync(join(directory, file), "utf8");

  beforeEach(() => {
    rmSync(join(root, "hearth"), { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(root, "cgroup.controllers"), "cpuset cpu io memory pids\n");
    for (const file of ["io.max", "cgroup.kill"]) writeFileSync(join(directory, file), "");
  });

  test("the controllers are handed down to the sandboxes", () => {
    assert.equal(openCgroups(mounts, "hearth").version, "v2");

    for (const file of ["cgroup.subtree_control", "hearth/cgroup.subtree_control"]) {
      assert.equal(readFileSync(join(root, file), "utf8"), "+cpu +memory +pids +io");
    }
  });

  test("a host without a needed controller is refused", () => {
    writeFileSync(join(root, "cgroup.controllers"), "cpu pids\n");

    assert.throws(() => openCgroups(mounts, "hearth"), /lacks the controllers memory/);
  });

  test("limits are written as v2 words them", () => {
    const cgroup = openCgroups(mounts, "hearth").of("one");

    cgroup.setLimits({ memoryMiB: 128, cpuMilli: 500, cpuMode: "quota", diskBytesPerSecond: 1000 }, "254:0");

    const written = ["memory.max", "memory.swap.max", "pids.max", "cpu.weight", "cpu.max", "io.max"].map(value);
    assert.deepEqual(written, ["134217728", "0", "1024", "50", "50000 100000", "254:0 rbps=1000 wbps=1000"]);

    cgroup.setLimits({ memoryMiB: 128, cpuMilli: 500, cpuMode: "unlimited" }, "254:0");
    assert.deepEqual(["cpu.weight", "cpu.max", "io.max"].map(value), ["100", "max 100000", "254:0 rbps=max wbps=max"]);
  });

  test("a disk limit without a disk is refused", () => {
    const cgroup = openCgroups(mounts, "hearth").of("one");

    assert.throws(
      () => cgroup.setLimits({ memoryMiB: 1, cpuMilli: 1, cpuMode: "share", diskBytesPerSecond: 1 }, undefined),
      /cannot limit the disk/,
    );
  });

  test("freezing is switched on and off", () => {
    const cgroup = openCgroups(mounts, "hearth").of("one");

    cgroup.freeze();
    assert.equal(value("cgroup.freeze"), "1");
    cgroup.thaw();
    assert.equal(value("cgroup.freeze"), "0");
  });

  test("usage is read from the kernel's figures", () => {
    const files = {
      "memory.current": "1000",
      "memory.peak": "2000",
      "cpu.stat": "usage_usec 1500\nuser_usec 1000",
      "pids.current": "3",
      "memory.events": "low 0\noom 1\noom_kill 2\noom_group_kill 0",
    };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), `${text}\n`);

    const usage = openCgroups(mounts, "hearth").of("one").usage();

    assert.deepEqual(usage, { memoryBytes: 1000, memoryPeakBytes: 2000, cpuMs: 1.5, processes: 3, oomKills: 2 });
  });

  test("it can be made with a process in it, before an OCI runtime fills it", () => {
    const cgroup = openCgroups(mounts, "hearth").of("new");

    cgroup.makeWith(4711);

    assert.equal(readFileSync(join(root, "hearth", "new", "cgroup.procs"), "utf8"), "4711");
  });

  test("killing takes all processes at once", () => {
    openCgroups(mounts, "hearth").of("one").kill();

    assert.equal(value("cgroup.kill"), "1");
  });
});

test("CPU is weighed by its share, capped only in quota mode, and as free as a host's process during init", () => {
  assert.deepEqual(planOf("share", 72), { weightMilli: 72, quotaUs: undefined });
  assert.deepEqual(planOf("quota", 72), { weightMilli: 72, quotaUs: 7200 });
  assert.deepEqual(planOf("quota", 1), { weightMilli: 1, quotaUs: 1000 });
  assert.deepEqual(planOf("unlimited", 72), { weightMilli: 1000, quotaUs: undefined });
  assert.deepEqual(planOf("unlimited", 6000), { weightMilli: 6000, quotaUs: undefined });
});

function planOf(cpuMode: SandboxLimits["cpuMode"], cpuMilli: number) {
  return cpuPlan({ memoryMiB: 128, cpuMilli, cpuMode });
}
