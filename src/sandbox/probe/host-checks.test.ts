import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { cgroupChecks, cgroupView } from "./cgroups.ts";
import type { Check, CommandResult, ProbedHost } from "./check.ts";
import { hostChecks } from "./host-checks.ts";
import { kernelChecks } from "./kernel.ts";
import { networkChecks } from "./network.ts";
import { privilegeChecks } from "./privileges.ts";
import { runtimeChecks } from "./runtimes.ts";
import { storageChecks } from "./storage.ts";

interface FakeHost {
  readonly files?: Readonly<Record<string, string>>;
  readonly directories?: Readonly<Record<string, readonly string[]>>;
  readonly commands?: Readonly<Record<string, CommandResult>>;
  readonly executables?: readonly string[];
  readonly uid?: number;
  readonly architecture?: string;
  readonly hasCoreScheduling?: boolean;
}

function hostOf({
  files = {},
  directories = {},
  commands = {},
  executables = [],
  uid = 0,
  architecture = "x64",
  hasCoreScheduling = false,
}: FakeHost): ProbedHost {
  return {
    architecture,
    uid,
    read: (path) => files[path],
    list: (directory) => directories[directory] ?? [],
    which: (command) => (command in commands ? command : undefined),
    isExecutable: (path) => executables.includes(path),
    offersCoreScheduling: () => hasCoreScheduling,
    run: (command, args) =>
      Promise.resolve(commands[[command, ...args].join(" ")] ?? commands[command] ?? { code: undefined, output: "" }),
  };
}

function named(checks: readonly Check[], name: string): Check {
  const check = checks.find((candidate) => candidate.name === name);
  assert(check !== undefined, `there is a check "${name}"`);
  return check;
}

const allNamespaces = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

test("an old kernel, forbidden namespaces and missing seccomp are failures with their fix", () => {
  const checks = kernelChecks(
    hostOf({
      files: {
        "/proc/sys/kernel/osrelease": "5.10.0-30-amd64\n",
        "/proc/sys/user/max_user_namespaces": "0\n",
        "/proc/sys/user/max_net_namespaces": "128\n",
      },
      directories: { "/proc/self/ns": allNamespaces },
    }),
  );

  assert.equal(named(checks, "kernel").status, "failure");
  assert.deepEqual(named(checks, "user namespaces"), {
    name: "user namespaces",
    status: "failure",
    detail: "forbidden by user.max_user_namespaces",
    fix: "sysctl -w user.max_user_namespaces=100000",
  });
  assert.equal(named(checks, "net namespaces").status, "warning");
  assert.equal(named(checks, "seccomp").status, "failure");
  assert.equal(named(checks, "pressure").status, "warning");
});

test("a new kernel with everything is ok throughout", () => {
  const files = {
    "/proc/sys/kernel/osrelease": "6.18.44\n",
    "/proc/sys/kernel/seccomp/actions_avail": "kill_process trap errno allow\n",
    "/proc/pressure/memory": "some avg10=0.00\n",
    "/proc/swaps": "Filename Type Size Used Priority\n",
  };

  const checks = kernelChecks(hostOf({ files, directories: { "/proc/self/ns": allNamespaces } }));
  assert.deepEqual(
    checks.filter(({ status }) => status !== "ok"),
    [],
  );
});

test("hyper-threads are no worry where the kernel keeps a core to one environment at a time", () => {
  const files = { "/sys/devices/system/cpu/smt/active": "1\n" };

  assert.equal(named(kernelChecks(hostOf({ files, hasCoreScheduling: true })), "hyper-threads").status, "ok");
});

test("other processors, shared cores, merged pages and swap are named", () => {
  const files = {
    "/sys/devices/system/cpu/smt/active": "1\n",
    "/sys/kernel/mm/ksm/run": "1\n",
    "/proc/swaps": "Filename\n/dev/sda2 partition 1 0 -2\n",
  };
  const checks = kernelChecks(hostOf({ files, architecture: "riscv64" }));

  assert.equal(named(checks, "architecture").status, "failure");
  assert.equal(named(checks, "hyper-threads").status, "warning");
  assert.equal(named(checks, "merged pages").status, "warning");
  assert.equal(named(checks, "swap").fix, "swapoff -a");
});

function capabilitiesOf(mask: string): Check {
  const files = { "/proc/self/status": `CapEff:\t${mask}\n` };
  return named(privilegeChecks(hostOf({ files }), { uidBase: 2e9 }), "capabilities");
}

test("missing capabilities are listed with what they cost; only the needed ones fail", () => {
  assert.equal(capabilitiesOf("000001ffffffffff").status, "ok");
  assert.equal(capabilitiesOf("000001fffeffffff").status, "warning");
  assert.match(capabilitiesOf("000001fffeffffff").detail, /CAP_SYS_RESOURCE: the limit of open files cannot be raised/);
  assert.equal(capabilitiesOf("0000000000000000").status, "failure");
});

test("without root that is said first", () => {
  const check = named(privilegeChecks(hostOf({ uid: 1000 }), { uidBase: 2e9 }), "root");

  assert.equal(check.status, "failure");
  assert.equal(check.fix, "sudo ./hearth up");
});

test("too few open files are told in environments", () => {
  const files = { "/proc/self/limits": "Max open files            1024                 4096                 files\n" };

  const check = named(privilegeChecks(hostOf({ files }), { uidBase: 2e9 }), "open files");
  assert.equal(check.status, "warning");
  assert.match(check.detail, /at most 4096, enough for about 256 environments/);
});

test("uid ranges of the host's users must not meet those of sandboxes", () => {
  const files = { "/etc/subuid": "ann:100000:65536\nbob:1999990000:65536\n", "/etc/subgid": "" };
  const checks = (uidBase: number): Check => named(privilegeChecks(hostOf({ files }), { uidBase }), "uid ranges");

  assert.equal(checks(2_000_000_000).status, "warning");
  assert.match(checks(2_000_000_000).detail, /bob has 1999990000:65536 in \/etc\/subuid/);
  assert.equal(checks(3_000_000_000).status, "ok");
});

const mountLine = (directory: string, type: string): string => `1 0 0:1 / ${directory} rw - ${type} ${type} rw\n`;

test("cgroup v2, hybrid, v1 and none are told apart by their mounts", () => {
  const v2 = {
    "/proc/self/mountinfo": mountLine("/sys/fs/cgroup", "cgroup2"),
    "/sys/fs/cgroup/cgroup.controllers": "cpu io memory pids\n",
  };
  const v1 = ["cpu,cpuacct", "memory", "pids", "freezer", "blkio"]
    .map((name) => mountLine(`/sys/fs/cgroup/${name}`, "cgroup"))
    .join("");
  const hybrid = v1 + mountLine("/sys/fs/cgroup/unified", "cgroup2");

  assert.equal(cgroupView(hostOf({ files: v2 })).mode, "v2");
  assert.equal(cgroupView(hostOf({ files: { "/proc/self/mountinfo": v1 } })).mode, "v1");
  assert.equal(cgroupView(hostOf({ files: { "/proc/self/mountinfo": hybrid } })).mode, "hybrid");
  assert(cgroupChecks(hostOf({ files: v2 })).every(({ status }) => status === "ok"));
  assert.equal(named(cgroupChecks(hostOf({ files: { "/proc/self/mountinfo": hybrid } })), "cgroups").status, "ok");
  assert.equal(cgroupChecks(hostOf({}))[0]?.status, "failure");
});

test("a cgroup host without a limiting controller or a freezer fails", () => {
  const files = { "/proc/self/mountinfo": mountLine("/sys/fs/cgroup/cpu", "cgroup") };
  const checks = cgroupChecks(hostOf({ files }));

  assert.match(named(checks, "cgroups").detail, /without memory and pids/);
  assert.equal(named(checks, "freezer").status, "failure");
});

test("the configured OCI runtime must be there; others only show when they are", async () => {
  const commands = { runc: { code: 0, output: "runc version 1.1.5+ds1\ncommit: x\n" } };
  const options = { projectDirectory: "/project", ociRuntime: "runc" };

  const found = await runtimeChecks(hostOf({ commands }), options);
  assert.equal(named(found, "runc").detail, "1.1.5+ds1 at runc, makes the sandboxes");
  assert(!found.some(({ name }) => name === "crun"));
  const missing = await runtimeChecks(hostOf({ commands }), { ...options, ociRuntime: "crun" });
  assert.deepEqual(named(missing, "crun").fix, "apt-get install crun");
  const broken = await runtimeChecks(hostOf({ commands: { runc: { code: 127, output: "no such library" } } }), options);
  assert.equal(named(broken, "runc").status, "failure");
});

test("a gVisor that hands on no descriptors is too old to make sandboxes", async () => {
  const old = { runsc: { code: 0, output: "runsc version 0.0~20221219.0\nspec: 1.0.2-dev" } };
  const recent = { ...old, "runsc help run": { code: 0, output: "  -pass-fd value" } };
  const options = { projectDirectory: "/project", ociRuntime: "runsc" };

  assert.match(named(await runtimeChecks(hostOf({ commands: old }), options), "runsc").detail, /is too old/);
  assert.equal(named(await runtimeChecks(hostOf({ commands: recent }), options), "runsc").status, "ok");
  const unused = await runtimeChecks(hostOf({ commands: old }), { ...options, ociRuntime: "runc" });
  assert.equal(named(unused, "runsc").status, "warning");
});

test("packs of Node and interpreters are found where they lie", async () => {
  const checks = await runtimeChecks(
    hostOf({
      executables: ["/project/node_modules/node24-linux-arm64/bin/node"],
      directories: { "/usr/bin": ["python3", "python3.11", "python3.13-config", "python3.9"] },
      architecture: "arm64",
    }),
    { projectDirectory: "/project", ociRuntime: "runc" },
  );

  assert.equal(named(checks, "nodejs24.x").status, "ok");
  assert.equal(named(checks, "nodejs20.x").status, "warning");
  assert.deepEqual(
    checks.map(({ name }) => name).filter((name) => name.startsWith("python")),
    ["python3.11", "python3.9"],
  );
  assert.equal(named(checks, "tini").fix, "apt-get install tini");
});

test("little disk and missing quotas are told, with the reasons", async () => {
  const options = { dataDirectory: "/data/hearth", space: () => ({ totalBytes: 1e9, freeBytes: 1e8 }) };
  const host = hostOf({ executables: ["/data"] });

  const none = await storageChecks(host, {
    ...options,
    tryTmp: () => Promise.reject(new Error("btrfs: no; loop: no")),
  });
  assert.match(named(none, "disk").detail, /0\.1 GiB free at \/data;/);
  assert.equal(named(none, "/tmp quotas").detail, "btrfs: no; loop: no");
  const slow = await storageChecks(host, { ...options, tryTmp: () => Promise.resolve("loop") });
  assert.equal(named(slow, "/tmp quotas").status, "warning");
  const unknown = await storageChecks(hostOf({ executables: ["/data"], uid: 1000 }), {
    ...options,
    tryTmp: () => assert.fail("tried"),
  });
  assert.equal(named(unknown, "/tmp quotas").status, "warning");
});

const free = { host: "127.0.0.1", port: 4566, tryPort: () => Promise.resolve(undefined) };

test("a kernel that refuses the packet filter, and one in the way, are told", async () => {
  const docker =
    "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
  const commands = {
    nft: { code: 1, output: "/dev/stdin:3:1-2: Error: Could not process rule: No such file or directory\n" },
    "nft list chains": { code: 0, output: docker },
  };

  const checks = await networkChecks(hostOf({ commands }), { ...free, egress: "open" });
  assert.equal(named(checks, "nftables").status, "failure");
  assert.match(named(checks, "other packet filters").detail, /^ip filter drops/);
  const without = await networkChecks(hostOf({}), { ...free, egress: "open" });
  assert.equal(named(without, "nftables").fix, "apt-get install nftables");
  const off = await networkChecks(hostOf({}), { ...free, egress: "none" });
  assert.equal(named(off, "egress").status, "ok");
});

test("a port that is taken is a failure, unless Hearth itself listens there", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  assert(address !== null && typeof address === "object");
  const options = { egress: "none", host: "127.0.0.1", port: address.port } as const;

  const foreign = await networkChecks(hostOf({}), { ...options, isHearth: () => Promise.resolve(false) });
  assert.equal(named(foreign, `port ${address.port}`).status, "failure");
  const own = await networkChecks(hostOf({}), { ...options, isHearth: () => Promise.resolve(true) });
  assert.equal(named(own, `port ${address.port}`).status, "ok");
  taken.close();
});

test("the real host is examined whole and left as it was", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "hearth-doctor-test-"));

  const checks = await hostChecks({
    path: process.env["PATH"] ?? "",
    dataDirectory,
    projectDirectory: fileURLToPath(new URL("../../..", import.meta.url)),
    ociRuntime: "runc",
    egress: "open",
    host: "127.0.0.1",
    port: 0,
    uidBase: 2_000_000_000,
  });
  assert(checks.length > 20);
  assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
  assert(checks.every(({ detail }) => detail !== "" && !detail.includes("could not be examined")));
  assert.deepEqual(readdirSync(dataDirectory), []);
  rmSync(dataDirectory, { recursive: true });
});
