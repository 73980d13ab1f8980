import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { DataDirectoryError, DirectoryInUseError } from "../engine/errors.ts";
import { instanceOf, type Instance } from "./instance.ts";
import { lockInstance, openAfterFormer } from "./succession.ts";

let scratch: string;
let instance: Instance;
let lockFile: string;

before(() => {
  scratch = mkdtempSync(join(tmpdir(), "hearth-succession-"));
  instance = { ...instanceOf(scratch), runDirectory: scratch };
  lockFile = join(scratch, "worker.lock");
});
after(() => rmSync(scratch, { recursive: true }));

/** A worker, as far as its lock goes. */
async function holder(supervisor: number): Promise<ChildProcess> {
  writeFileSync(lockFile, String(supervisor));
  const child = spawn("flock", ["--no-fork", lockFile, "sh", "-c", "echo held; exec cat"]);
  await once(child.stdout, "data");
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test("a Hearth that runs is not disturbed", async () => {
  const child = await holder(process.pid);

  await assert.rejects(lockInstance(instance), /is in use by another Hearth\. Stop that one/);

  await killed(child);
});

test("one whose supervisor is dead is waited for", async () => {
  const child = await holder(spawnSync("true").pid);
  let isLocked = false;

  const locked = lockInstance(instance).then(() => (isLocked = true));
  await setTimeout(0);
  assert(!isLocked);
  await killed(child);
  await locked;

  assert.equal(readFileSync(lockFile, "utf8"), String(process.ppid));
});

test("what a former run holds open is opened when it lets go; what is broken is said at once", async () => {
  const goesOn = new AbortController().signal;
  let refusals = 3;
  const open = async (): Promise<string> => {
    if (refusals-- > 0) throw new DirectoryInUseError("in use");
    return "opened";
  };

  assert.equal(await openAfterFormer(open, goesOn), "opened");
  await assert.rejects(
    openAfterFormer(() => Promise.reject(new DataDirectoryError("damaged")), goesOn),
    /damaged/,
  );
  refusals = Infinity;
  await assert.rejects(openAfterFormer(open, AbortSignal.abort()), /in use/);
});
