import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { offersCoreScheduling, separateCores } from "./core-scheduling.ts";
import { coreCookieOf } from "./libc.ts";

const isOffered = offersCoreScheduling();
const needsIt = { skip: isOffered ? false : "the kernel offers no core scheduling, or cores have one thread each" };

/** A shell that has started a child and waits. */
async function family(t: TestContext): Promise<{ readonly parent: number; readonly child: number }> {
  const shell = spawn("/bin/sh", ["-c", "read go; sleep 60 & echo started; wait"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  t.after(() => void process.kill(-Number(shell.pid), "SIGKILL"));
  await once(shell, "spawn");
  const parent = Number(shell.pid);
  separateCores(parent);
  shell.stdin.write("\n");
  await once(shell.stdout, "data");
  const [child = ""] = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").split(" ");
  return { parent, child: Number(child) };
}

test("whether there is core scheduling is found out without changing anything", () => {
  assert.equal(offersCoreScheduling(), isOffered);
  if (isOffered) assert.equal(coreCookieOf(process.pid), 0n);
});

test("a process gets a core's threads to itself and its children, and each such process others", needsIt, async (t) => {
  const one = await family(t);
  const other = await family(t);

  assert.notEqual(coreCookieOf(one.parent), 0n);
  assert.equal(coreCookieOf(one.child), coreCookieOf(one.parent));
  assert.notEqual(coreCookieOf(other.parent), coreCookieOf(one.parent));
});

test("a process that has ended meanwhile is no error", needsIt, async () => {
  const shell = spawn("/bin/true");
  await once(shell, "exit");

  separateCores(Number(shell.pid));
});
