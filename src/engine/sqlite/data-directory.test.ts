import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { systemClock } from "../../core/clock.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Engine } from "../contract.ts";
import { stateSchema, streamsSchema } from "../schema.ts";
import { openSqliteEngine, type SqliteEngine } from "./sqlite-engine.ts";

let root = "";
let directory = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "hearth-directory-"));
  directory = join(root, "data");
});
afterEach(() => rmSync(root, { recursive: true }));

const open = (): Promise<SqliteEngine> => openSqliteEngine({ directory, clock: new ManualClock() });
const isInUse = (holder: string) => ({ name: "DirectoryInUseError", message: new RegExp(`in use${holder}`) });
const isDirectoryError = (message: RegExp) => ({ name: "DataDirectoryError", message });

describe("a data directory", () => {
  test("holds everything that was written when it is opened again, and goes on where it ended", async () => {
    const first = await open();
    const put = await first.records.put(["r"], { a: 1 });
    await first.records.put(["gone"], 1);
    await first.records.delete(["gone"]);
    const queue = await first.queues.open(["q"]);
    await queue.send([{ body: Buffer.from("a") }]);
    const [received] = await queue.receive({ max: 1, visibilityMs: 0 });
    const position = await first.streams.append(["s"], [{ shard: "x", timestampMs: 1, data: Buffer.from("b") }]);
    const digest = await first.blobs.put(Buffer.from("c"));
    await first.close();

    const second = await open();

    assert(put.written);
    assert.deepEqual(await second.records.get(["r"]), { key: ["r"], value: { a: 1 }, revision: put.revision });
    const again = await second.records.put(["gone"], 1, "absent");
    assert(again.written && again.revision > put.revision + 2);
    const reopened = await second.queues.open(["q"]);
    assert.deepEqual(await reopened.delete([received?.receipt ?? ""]), [true]);
    assert.equal(
      await second.streams.append(["s"], [{ shard: "x", timestampMs: 1, data: Buffer.from("d") }]),
      position + 1,
    );
    assert.equal(Buffer.from((await second.blobs.get(digest)) ?? []).toString(), "c");
    await second.close();
  });

  test("is refused to a second engine, which hurts the first in nothing", async () => {
    const first = await open();

    await assert.rejects(open(), isInUse(` by process ${process.pid}`));

    assert.equal((await first.records.put(["r"], 1)).written, true);
    await assert.rejects(open(), isInUse(""));
    await first.close();
    await (await open()).close();
  });

  test("that a killed process had open is opened at once", async () => {
    const script = `
      import { openSqliteEngine } from ${JSON.stringify(new URL("./sqlite-engine.ts", import.meta.url))};
      import { systemClock } from ${JSON.stringify(new URL("../../core/clock.ts", import.meta.url))};
      const engine = await openSqliteEngine({ directory: ${JSON.stringify(directory)}, clock: systemClock });
      await engine.records.put(["r"], "from the other process");
      process.stdout.write("ready");`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");

    await assert.rejects(open(), isInUse(` by process ${child.pid}`));
    child.kill("SIGKILL");
    await once(child, "exit");

    const engine = await open();
    assert.equal((await engine.records.get(["r"]))?.value, "from the other process");
    await engine.close();
  });

  test("with a foreign, a damaged or a missing file is refused untouched", async () => {
    await (await open()).close();
    const state = join(directory, stateSchema.file);
    const whole = readFileSync(state);
    const refused = async (message: RegExp): Promise<void> => {
      const before = existsSync(state) ? readFileSync(state) : undefined;
      await assert.rejects(open(), isDirectoryError(message));
      assert.deepEqual(existsSync(state) ? readFileSync(state) : undefined, before);
    };

    writeFileSync(state, "not a database, but long enough to have a header of its own".repeat(4));
    await refused(/was not written by Hearth/);
    rmSync(state);
    new DatabaseSync(state).exec("CREATE TABLE other (x); PRAGMA user_version = 1");
    await refused(/was not written by Hearth/);
    writeFileSync(state, Buffer.concat([whole.subarray(0, 100), Buffer.alloc(whole.length - 100, 0x5a)]));
    await refused(/damaged/);
    rmSync(state);
    await refused(/is missing/);
    writeFileSync(state, whole);
    await (await open()).close();
  });

  test("of a later schema is refused untouched, with what to do", async () => {
    await (await open()).close();
    const state = join(directory, stateSchema.file);
    const database = new DatabaseSync(state);
    database.exec("PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    database.close();
    const before = readFileSync(state);

    await assert.rejects(open(), isDirectoryError(/has schema 99.*Start the newer version/s));

    assert.deepEqual(readFileSync(state), before);
  });

  test("of an earlier schema is migrated with its content, after a copy was put aside", async () => {
    mkdirSync(directory);
    for (const name of ["state", "streams"]) {
      const sql = new URL(`../../../test/fixtures/engine/${name}-schema-1.sql`, import.meta.url);
      const database = new DatabaseSync(join(directory, `${name}.db`));
      database.exec(readFileSync(sql, "utf8"));
      database.close();
    }

    const engine = await open();

    assert.deepEqual((await engine.records.get(["function", "f"]))?.value, { memoryMiB: 128 });
    const next = await engine.records.put(["function", "f"], 1);
    assert(next.written);
    assert.equal(next.revision, 8);
    const queue = await engine.queues.open(["queue", "q"]);
    assert.deepEqual(await queue.stats(), { visible: 2, inFlight: 0, delayed: 0, oldestSentAtMs: 1000 });
    const messages = await queue.receive({ max: 10, visibilityMs: 1000 });
    assert.deepEqual(
      messages.map(({ body }) => Buffer.from(body).toString()),
      ["two", "three"],
    );
    assert.equal((await engine.streams.read(["log"], { limit: 10, fromMs: 15 }))[0]?.position, 2);
    await engine.close();
    for (const schema of [stateSchema, streamsSchema]) {
      const copy = new DatabaseSync(join(directory, `${schema.file}.schema-1`), { readOnly: true });
      assert.equal(copy.prepare("PRAGMA user_version").get()?.["user_version"], 1);
      copy.close();
    }
    await (await open()).close();
  });

  test("keeps nothing of a write or a backup that was cut short", async () => {
    await (await open()).close();
    writeFileSync(join(directory, "blobs", "unfinished-x"), "half");
    mkdirSync(join(directory, "backup-unfinished-x"));
    writeFileSync(join(directory, "streams.db.schema-1.unfinished"), "half");
    mkdirSync(join(directory, "runtimes"));

    const engine = await open();

    assert.deepEqual(await engine.blobs.list(), []);
    assert.deepEqual(readdirSync(join(directory, "blobs")), []);
    assert.equal(existsSync(join(directory, "backup-unfinished-x")), false);
    assert.equal(existsSync(join(directory, "runtimes")), true, "what others keep there is left alone");
    await engine.close();
  });

  test(
    "belongs to its owner with all that is in it, and serves on when the process gives up its rights",
    { skip: process.getuid?.() !== 0 },
    async () => {
      mkdirSync(directory);
      const uid = 65_534;
      execFileSync("chown", [String(uid), root, directory]);
      const script = `
      import { openSqliteEngine } from ${JSON.stringify(new URL("./sqlite-engine.ts", import.meta.url))};
      import { systemClock } from ${JSON.stringify(new URL("../../core/clock.ts", import.meta.url))};
      const engine = await openSqliteEngine({ directory: ${JSON.stringify(directory)}, clock: systemClock });
      process.setgid(${uid}); process.setuid(${uid});
      await engine.records.put(["r"], "x".repeat(100_000));
      const watch = await engine.records.watch(["r"], () => {});
      watch.stop();
      await engine.streams.append(["s"], [{ shard: "x", timestampMs: 1, data: new Uint8Array(1) }]);
      await engine.blobs.delete(await engine.blobs.put(Buffer.from("blob")));
      await engine.blobs.put(Buffer.from("kept"));
      await engine.close();`;

      execFileSync(process.execPath, ["--input-type=module", "--eval", script]);

      for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
        assert.equal(statSync(join(directory, name)).uid, uid, name);
      }
      const engine = await open();
      assert.equal((await engine.records.list(["r"])).length, 1);
      await engine.close();
    },
  );
});

describe("a full disk", { skip: process.getuid?.() !== 0 }, () => {
  test("refuses writes and loses nothing acknowledged; writes go on when there is space", async () => {
    mkdirSync(directory);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", directory]);
    try {
      const engine = await openSqliteEngine({ directory, clock: systemClock });
      const acknowledged = await fill(engine);
      const isFull = { name: "UnavailableError", reason: "no-capacity" };

      await assert.rejects(engine.blobs.put(Buffer.alloc(4_000_000, 1)), isFull);
      assert.equal((await engine.records.list(["fill"])).length, acknowledged);
      await engine.close();
      assert.throws(() => writeFileSync(join(directory, "rest"), Buffer.alloc(8_000_000)), { code: "ENOSPC" });
      await assert.rejects(openSqliteEngine({ directory, clock: systemClock }), isFull);
      execFileSync("mount", ["-o", "remount,size=32m", directory]);
      const again = await openSqliteEngine({ directory, clock: systemClock });
      assert.equal((await again.records.list(["fill"])).length, acknowledged);
      assert.equal((await again.records.put(["fill", "more"], "x".repeat(100_000))).written, true);
      await again.blobs.put(Buffer.alloc(4_000_000, 1));
      await again.close();
    } finally {
      execFileSync("umount", ["--lazy", directory]);
    }
  });
});

/** Writes in groups until a write of each group is refused for want of space; answers how many were acknowledged. */
async function fill(engine: Engine): Promise<number> {
  let acknowledged = 0;
  for (let round = 0; round < 1000; round++) {
    const writes = Array.from({ length: 8 }, (_, index) =>
      engine.records.put(["fill", `${round}-${index}`], "x".repeat(20_000 * index)),
    );
    const results = await Promise.allSettled(writes);
    for (const result of results) {
      if (result.status === "fulfilled") acknowledged++;
      else assert.equal((result.reason as { reason?: string }).reason, "no-capacity", String(result.reason));
    }
    if (results.some(({ status }) => status === "rejected")) return acknowledged;
  }
  throw new Error("the disk never filled");
}
