import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { SandboxGoneError } from "./contract.ts";
import type { Sandbox } from "./contract.ts";
import { SafeSandbox } from "./safe-sandbox.ts";

/** Writes down the calls that reach the driver. */
function recorded(overrides: Partial<Sandbox> = {}): { readonly calls: string[]; readonly inner: Sandbox } {
  const calls: string[] = [];
  const noted = (name: string) => () => void calls.push(name);
  const inner: Sandbox = {
    id: "one",
    tmp: { id: "one", sizeMiB: 1, uidBase: 1 },
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    telemetry: new PassThrough(),
    companionOutput: undefined,
    exited: Promise.resolve({ kind: "destroyed" }),
    commandExited: Promise.resolve({ kind: "destroyed" }),
    companionExits: [],
    takeListener: () => 3,
    start: async () => noted("start")(),
    startCommand: noted("startCommand"),
    connect: () => 3,
    attach: noted("attach"),
    share: async () => noted("share")(),
    restrictEgress: noted("restrictEgress"),
    setLimits: noted("setLimits"),
    setTmpSize: noted("setTmpSize"),
    freeze: noted("freeze"),
    thaw: noted("thaw"),
    signal: noted("signal"),
    memoryPeakBytes: () => 0,
    usage: () => ({ memoryBytes: 0, memoryPeakBytes: 0, cpuMs: 0, processes: 0, oomKills: 0 }),
    destroy: async () => noted("destroy")(),
    ...overrides,
  };
  return { calls, inner };
}

describe("safe sandbox", () => {
  test("freezing what is frozen and thawing what is not cost nothing", () => {
    const { calls, inner } = recorded();
    const sandbox = new SafeSandbox(inner, () => undefined);

    sandbox.thaw();
    sandbox.freeze();
    sandbox.freeze();
    sandbox.thaw();
    sandbox.thaw();

    assert.deepEqual(calls, ["freeze", "thaw"]);
  });

  test("a freeze that fails leaves nothing half frozen, and may be tried again", () => {
    let fails = true;
    const { calls, inner } = recorded({
      freeze() {
        if (fails) throw new Error("did not freeze");
      },
    });
    const sandbox = new SafeSandbox(inner, () => undefined);

    assert.throws(() => sandbox.freeze(), /did not freeze/);
    assert.deepEqual(calls, ["thaw"]);
    fails = false;
    sandbox.freeze();
    sandbox.thaw();
    assert.deepEqual(calls, ["thaw", "thaw"]);
  });

  test("destroy waits for a start that is under way, runs once, and tells when nothing is left", async () => {
    const starting = Promise.withResolvers<void>();
    const { calls, inner } = recorded({ start: () => starting.promise });
    let gone = 0;
    const sandbox = new SafeSandbox(inner, () => gone++);

    const started = sandbox.start();
    const destroyed = Promise.all([sandbox.destroy(), sandbox.destroy()]);
    assert.deepEqual(calls, []);
    starting.reject(new Error("no start"));
    await assert.rejects(started, /no start/);
    await destroyed;

    assert.deepEqual(calls, ["destroy"]);
    assert.equal(gone, 1);
    assert.throws(() => sandbox.freeze(), SandboxGoneError);
  });

  test("starts once", async () => {
    const sandbox = new SafeSandbox(recorded().inner, () => undefined);
    await sandbox.start();

    await assert.rejects(sandbox.start(), /started before/);
  });
});
