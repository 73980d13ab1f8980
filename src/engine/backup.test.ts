import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { systemClock } from "../core/clock.ts";
import { backupEngine, restoreEngine } from "./backup.ts";
import { openSqliteEngine, type SqliteEngine } from "./sqlite/sqlite-engine.ts";

let root = "";
let engine: SqliteEngine;
let file = "";
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "hearth-backup-"));
  file = join(root, "backup.tar");
  engine = await openSqliteEngine({ directory: join(root, "data"), clock: systemClock });
});
afterEach(async () => {
  await engine.close();
  rmSync(root, { recursive: true });
});

async function fillAll(): Promise<string> {
  await engine.records.put(["function", "f"], { memoryMiB: 128 });
  await (await engine.queues.open(["q"])).send([{ body: Buffer.from("work") }]);
  await engine.streams.append(["log"], [{ shard: "s", timestampMs: 1, data: Buffer.from("line") }]);
  return engine.blobs.put(Buffer.alloc(300_000, 7));
}

describe("a backup", () => {
  test("restores everything durable, and what was included, into an empty directory", async () => {
    const digest = await fillAll();
    const runtime = join(engine.directory, "runtimes", "python3.13");
    mkdirSync(join(runtime, "@bin"), { recursive: true });
    writeFileSync(join(runtime, "@bin", "python"), "#!", { mode: 0o755 });
    symlinkSync("@bin/python", join(runtime, "python3"));
    symlinkSync("/etc", join(runtime, "absolute"));
    const phases = new Set<string>();

    await backupEngine(engine, file, ({ phase }) => phases.add(phase), { include: ["runtimes", "absent"] });
    const target = join(root, "restored");
    mkdirSync(join(target, "lost+found"), { recursive: true });
    await restoreEngine(file, target, ({ phase }) => phases.add(phase));

    assert.deepEqual([...phases], ["copying", "checking", "writing", "reading", "placing"]);
    assert.deepEqual(readdirSync(root).toSorted(), ["backup.tar", "data", "restored"]);
    assert.deepEqual(readdirSync(target).toSorted(), ["blobs", "lost+found", "runtimes", "state.db", "streams.db"]);
    const restored = join(target, "runtimes", "python3.13");
    assert.equal(statSync(join(restored, "@bin", "python")).mode & 0o777, 0o755);
    assert.equal(readlinkSync(join(restored, "python3")), "@bin/python");
    assert.equal(readlinkSync(join(restored, "absolute")), "/etc");
    const copy = await openSqliteEngine({ directory: target, clock: systemClock });
    assert.deepEqual((await copy.records.get(["function", "f"]))?.value, { memoryMiB: 128 });
    assert.equal((await (await copy.queues.open(["q"])).receive({ max: 1, visibilityMs: 0 })).length, 1);
    assert.equal((await copy.streams.read(["log"], { limit: 10 })).length, 1);
    assert.equal((await copy.blobs.get(digest))?.byteLength, 300_000);
    await copy.close();
  });

  test("taken among writes is of one moment: every record in it has its blob, and writes go on", async () => {
    const done = new AbortController();
    let written = 0;
    const writing = (async () => {
      for (; !done.signal.aborted || written < 20; written++) {
        const digest = await engine.blobs.put(Buffer.from(`content ${written}`));
        await engine.records.put(["uses", digest], written);
        if (written % 3 === 0) {
          await engine.records.delete(["uses", digest]);
          await engine.blobs.delete(digest);
        }
      }
    })();

    await backupEngine(engine, file);
    done.abort();
    await writing;

    await restoreEngine(file, join(root, "restored"));
    const copy = await openSqliteEngine({ directory: join(root, "restored"), clock: systemClock });
    for (const { key } of await copy.records.list(["uses"])) assert(await copy.blobs.has(key[1] ?? ""));
    await copy.close();
  });

  test("is refused by a directory that is not empty, which stays as it is", async () => {
    await backupEngine(engine, file);
    const target = join(root, "full");
    mkdirSync(target);
    writeFileSync(join(target, "mine"), "");

    await assert.rejects(restoreEngine(file, target), { name: "DataDirectoryError", message: /not empty/ });

    assert.deepEqual(readdirSync(target), ["mine"]);
  });

  test("that is damaged anywhere, cut short or no backup at all restores nothing", async () => {
    await fillAll();
    await backupEngine(engine, file);
    const whole = readFileSync(file);
    const bad = join(root, "bad.tar");
    const target = join(root, "restored");
    const refused = async (what: string): Promise<void> => {
      await assert.rejects(restoreEngine(bad, target), { name: "DataDirectoryError" }, what);
      assert.equal(existsSync(target), false, what);
    };

    for (let step = 0; step < 40; step++) {
      const offset = Math.floor((whole.length - 1024) * (step / 40));
      // Padding between files, and times in headers, carry nothing.
      if (whole[offset] === 0) continue;
      const changed = Buffer.from(whole);
      changed[offset] = (changed[offset] ?? 0) ^ 0x01;
      writeFileSync(bad, changed);
      await refused(`byte ${offset}`);
    }
    for (const share of [0, 0.3, 0.9]) {
      copyFileSync(file, bad);
      truncateSync(bad, Math.floor(whole.length * share));
      await refused(`cut to ${share}`);
    }
    writeFileSync(bad, "no tar");
    await refused("no tar");
    await assert.rejects(restoreEngine(join(root, "absent"), target), { code: "ENOENT" });
    assert.equal(existsSync(target), false);
  });

  test("that was being restored when the process died leaves a directory that is refused, not one half full", async () => {
    const target = join(root, "killed");
    mkdirSync(join(target, "restoring"), { recursive: true });

    await assert.rejects(openSqliteEngine({ directory: target, clock: systemClock }), {
      name: "DataDirectoryError",
      message: /restore .* did not finish/,
    });
  });

  test("that cannot be written leaves nothing behind", async () => {
    await assert.rejects(backupEngine(engine, join(root, "no", "such", "folder")), { code: "ENOENT" });

    const left = readdirSync(engine.directory).filter((name) => name.startsWith("backup"));
    assert.deepEqual(left, []);
    assert.equal((await engine.records.put(["r"], 1)).written, true);
  });
});
