import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";
import { sandboxSuite, shell, specOf, untilOutput } from "../../../test/contract/sandbox.ts";
import { SandboxHost, plainVolumes, whyNoRunsc } from "../../../test/support/sandbox-host.ts";
import type { OciRuntimeName } from "./runtime.ts";

const host = new SandboxHost();
after(() => host.close());

const runscProblem = whyNoRunsc();
test("gVisor's sandboxes are tested too", { skip: runscProblem ?? false }, () => {
  assert.equal(runscProblem, undefined);
});

for (const runtime of ["runc", "crun", ...(runscProblem === undefined ? (["runsc"] as const) : [])] as const) {
  sandboxSuite({
    name: `oci with ${runtime}`,
    hasNamespaces: true,
    open: () => Promise.resolve(host.open({ runtime })),
  });
  test(`${runtime}: the next run removes everything of one that was killed`, () => removesLeftovers(runtime, "held"));
  test(`${runtime}: creates that were under way when the worker was killed leave nothing`, () =>
    removesLeftovers(runtime, "creating"));
}

async function removesLeftovers(runtime: OciRuntimeName, stage: "held" | "creating"): Promise<void> {
  const stateDirectory = join(host.directory, `killed-${stage}-${runtime}`);
  const volumes = join(host.directory, "volumes", `killed-${stage}-${runtime}`);
  const cgroupParent = `${host.cgroupParent}-killed-${stage}-${runtime}`;
  const holder = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "../../../test/fixtures/sandbox-holder.ts"),
      stateDirectory,
      cgroupParent,
      volumes,
      runtime,
      stage,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    await untilOutput(holder.stdout, "holding");
    assert.throws(() => host.open({ runtime, stateDirectory }), /another process uses/);
  } finally {
    holder.kill("SIGKILL");
    await once(holder, "exit");
  }
  const pids = processesBelow(cgroupParent);
  if (stage === "held") assert(pids.length >= 5, `${pids.length} processes are left`);

  const driver = host.open({ runtime, stateDirectory, cgroupParent, volumes: plainVolumes(volumes) });
  const report = await driver.recover();

  assert.deepEqual(report, { sandboxes: 3, mounts: 0, cgroups: 3, links: 0, volumes: 3 });
  assert.deepEqual(processesBelow(cgroupParent), []);
  assert.deepEqual(readdirSync(join(stateDirectory, "sandboxes")), []);
  assert.deepEqual(readdirSync(join(stateDirectory, "runtime")), []);
  assert.deepEqual(await driver.recover(), { sandboxes: 0, mounts: 0, cgroups: 0, links: 0, volumes: 0 });
  await driver.close();
  assert.deepEqual(cgroupsNamed(cgroupParent), []);
}

function cgroupsNamed(name: string): string[] {
  const hierarchies = readdirSync("/sys/fs/cgroup").map((hierarchy) => join("/sys/fs/cgroup", hierarchy));
  return ["/sys/fs/cgroup", ...hierarchies].flatMap((hierarchy) =>
    readdirIfDirectory(hierarchy).includes(name) ? [join(hierarchy, name)] : [],
  );
}

function processesBelow(parent: string): string[] {
  return cgroupsNamed(parent).flatMap((directory) =>
    readdirIfDirectory(directory).flatMap((id) => {
      try {
        return readFileSync(join(directory, id, "cgroup.procs"), "utf8")
          .split("\n")
          .filter(Boolean);
      } catch {
        return [];
      }
    }),
  );
}

function readdirIfDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

describe("oci driver", () => {
  test("a create that fails leaves nothing behind", async () => {
    const driver = host.open();
    const stateDirectory = driverDirectory();
    const spec = specOf(shell("true"), { workingDirectory: "/nowhere" });

    await assert.rejects(driver.create(spec), /runc create .*nowhere/);

    assert.deepEqual(readdirSync(join(stateDirectory, "sandboxes")), []);
    assert.deepEqual(readdirSync(join(stateDirectory, "runtime")), []);
    assert.deepEqual(host.cgroupsOf(spec.id), []);
    await driver.close();
  });

  test("a sandbox that is gone leaves no descriptor, cgroup, directory or process behind", async () => {
    const driver = host.open();
    const stateDirectory = driverDirectory();
    await (await driver.create(specOf(shell("true"), { listenPorts: [9001] }))).destroy();
    const descriptors = readdirSync("/proc/self/fd").length;

    const spec = specOf(shell("echo up; sleep 1000"), { listenPorts: [9001, 9002] });
    const sandbox = await driver.create(spec);
    await sandbox.start();
    await untilOutput(sandbox.stdout, "up");
    const output = Promise.all([text(sandbox.stdout), text(sandbox.stderr), text(sandbox.telemetry)]);
    assert(readdirSync("/proc/self/fd").length - descriptors <= 5, "three pipes and two listeners");
    await sandbox.destroy();
    await output;

    assert.equal(readdirSync("/proc/self/fd").length, descriptors);
    assert.deepEqual(readdirSync(join(stateDirectory, "sandboxes")), []);
    assert.deepEqual(host.cgroupsOf(spec.id), []);
    await driver.close();
  });

  test("mounts files and directories where the specification says, in the working directory too", async () => {
    const driver = host.open();
    const source = join(host.directory, "mounted");
    mkdirSync(source);
    chmodSync(source, 0o755);
    writeFileSync(join(source, "inner"), "from a directory\n");
    writeFileSync(join(host.directory, "single"), "from a file\n");
    const sandbox = await driver.create(
      specOf(shell("cat inner /var/single; pwd; touch /var/task/x 2>/dev/null || echo read-only"), {
        workingDirectory: "/var/task",
        mounts: [
          { source, target: "/var/task" },
          { source: join(host.directory, "single"), target: "/var/single" },
        ],
      }),
    );
    await sandbox.start();

    assert.equal(await text(sandbox.stdout), "from a directory\nfrom a file\n/var/task\nread-only\n");
    await driver.close();
  });

  test("runs in the root of an image, with the sandbox's own init, /dev and /tmp", async () => {
    const driver = host.open();
    const image = join(host.directory, "image");
    mkdirSync(join(image, "bin"), { recursive: true });
    for (const directory of [image, join(image, "bin")]) chmodSync(directory, 0o755);
    writeFileSync(join(image, "bin/hello"), readFileSync("/usr/bin/tini-static"), { mode: 0o755 });
    const sandbox = await driver.create(
      specOf(["/bin/hello", "--version"], { rootDirectory: image, workingDirectory: "/" }),
    );
    await sandbox.start();

    assert.match(await text(sandbox.stdout), /^tini version/);
    assert.deepEqual(await sandbox.exited, { kind: "exited", code: 0 });
    await driver.close();
  });

  test("refuses to mount over a link that an image brings", async () => {
    const driver = host.open();
    const image = join(host.directory, "hostile-image");
    mkdirSync(image);
    chmodSync(image, 0o755);
    symlinkSync("/etc", join(image, "tmp"));

    await assert.rejects(
      driver.create(specOf(["/bin/x"], { rootDirectory: image, workingDirectory: "/" })),
      /cannot mount at \/tmp/,
    );
    await driver.close();
  });

  test("memory, CPU and pids limits are those of the specification, and follow setLimits", async () => {
    const driver = host.open();
    const sandbox = await driver.create(
      specOf(shell("sleep 1000"), { limits: { memoryMiB: 100, cpuMilli: 500, cpuMode: "quota" } }),
    );
    const value = (file: string): string => {
      const directory = host.cgroupsOf(sandbox.id).find((path) => readdirSync(path).includes(file));
      return readFileSync(join(directory ?? "", file), "utf8").trim();
    };
    // cgroup v1 and v2 name them differently.
    const isV2 = host.cgroupsOf(sandbox.id).some((path) => readdirSync(path).includes("memory.max"));
    const limits = () =>
      isV2 ? [value("memory.max"), value("cpu.max")] : [value("memory.limit_in_bytes"), value("cpu.cfs_quota_us")];

    assert.deepEqual(limits(), [String(100 * 2 ** 20), isV2 ? "50000 100000" : "50000"]);
    assert.equal(value("pids.max"), "1024");
    sandbox.setLimits({ memoryMiB: 300, cpuMilli: 500, cpuMode: "share" });
    assert.deepEqual(limits(), [String(300 * 2 ** 20), isV2 ? "max 100000" : "-1"]);
    sandbox.setLimits({ memoryMiB: 200, cpuMilli: 500, cpuMode: "share", diskBytesPerSecond: 10_000_000 });
    assert.deepEqual(limits(), [String(200 * 2 ** 20), isV2 ? "max 100000" : "-1"]);

    await driver.close();
  });

  test("sandboxes that ask for egress are refused when the worker has none to give", async () => {
    const driver = host.open();

    await assert.rejects(driver.create(specOf(shell("true"), { egress: "open" })), /no egress/);

    await driver.close();
  });
});

/** Of the driver opened last. */
function driverDirectory(): string {
  return (
    readdirSync(host.directory)
      .filter((name) => name.startsWith("state-"))
      .map((name) => join(host.directory, name))
      .toSorted((a, b) => Number(a.split("-").at(-1)) - Number(b.split("-").at(-1)))
      .at(-1) ?? ""
  );
}
