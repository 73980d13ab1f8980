/**
 * The engine of one machine: records and queues in one SQLite database, streams in another, each with a thread that
 * writes it; blobs in files. One process opens a data directory at a time.
 *
 * Files: `state.db`, `streams.db`, `blobs/`, `lock`, `lock-holder`. What else the directory holds is left alone.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { link, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { backup } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import type { Engine } from "../contract.ts";
import { DataDirectoryError } from "../errors.ts";
import { Lifetime } from "../front/lifetime.ts";
import { ProcessLeases } from "../front/leases.ts";
import { FrontQueues } from "../front/queues.ts";
import { FrontRecords } from "../front/records.ts";
import { FrontStreams } from "../front/streams.ts";
import * as stores from "../front/stores.ts";
import { isDigest } from "../limits.ts";
import { blobsFolder, restoringFolder, schemas, stagingPrefix, stateSchema, streamsSchema } from "../schema.ts";
import { FileBlobs } from "./blobs.ts";
import { openReader } from "./database.ts";
import { lockDirectory } from "./lock.ts";
import { Owner } from "./ownership.ts";
import type { Call } from "./protocol.ts";
import { SqliteReader } from "./reader.ts";
import { ThreadClient } from "./thread-client.ts";
import { weigh } from "./weight.ts";

export interface SqliteEngineOptions {
  /** Made if absent. Files made in it belong to its owner, whoever runs the process. */
  readonly directory: string;
  readonly clock: Clock;
}

export interface SqliteEngine extends Engine {
  readonly directory: string;
  /**
   * Puts a consistent copy of everything durable into an empty folder of the same file system, while the engine goes on
   * serving: blobs as of a moment after the records that name them, streams as of a moment after the records that count
   * their positions.
   */
  copyInto(folder: string): Promise<void>;
}

/** Pages copied between two looks at whether the copy should go on; a copy of one moment in any case. */
const pagesPerStep = 4096;

/** Rejects with a DataDirectoryError when the directory is in use, damaged, or of another schema. */
export async function openSqliteEngine({ directory, clock }: SqliteEngineOptions): Promise<SqliteEngine> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  const threads: ThreadClient[] = [];
  try {
    requireWhole(directory);
    for (const name of readdirSync(directory)) {
      if (name.startsWith(stagingPrefix)) rmSync(join(directory, name), { recursive: true });
    }
    const owner = new Owner(directory);
    const lifetime = new Lifetime();
    const state = new ThreadClient({ directory, database: "state" });
    const streams = new ThreadClient({ directory, database: "streams" });
    threads.push(state, streams);
    const blobs = new FileBlobs(join(directory, blobsFolder), owner, clock, lifetime);
    await allOpened(threads);
    const reader = new SqliteReader(() => openReader(directory, stateSchema));
    for (const file of databaseFiles()) owner.give(join(directory, file));
    const queueStore = toThread<stores.QueueStore>(state, "queues", stores.queueMethods);
    const recordStore = toThread<stores.RecordStore>(state, "records", stores.recordMethods);
    return {
      directory,
      records: new FrontRecords(recordStore, reader, lifetime),
      queues: new FrontQueues({ store: queueStore, clock, lifetime, newId: randomUUID }),
      streams: new FrontStreams(toThread<stores.StreamStore>(streams, "streams", stores.streamMethods), lifetime),
      blobs,
      leases: new ProcessLeases(clock, lifetime),
      copyInto: (folder) => copyInto(directory, folder, blobs, lifetime),
      async close() {
        if (!lifetime.close()) return;
        await Promise.all([state.close(), streams.close(), blobs.drained()]);
        reader.close();
        lock.release();
      },
    };
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.close()));
    lock.release();
    throw error;
  }
}

/** Streams without records, or a folder of a restore, are what an accident leaves behind: refused before it is hidden. */
function requireWhole(directory: string): void {
  if (existsSync(join(directory, restoringFolder))) {
    throw new DataDirectoryError(
      `a restore into ${directory} did not finish. Empty the directory and restore the backup again.`,
    );
  }
  if (existsSync(join(directory, streamsSchema.file)) && !existsSync(join(directory, stateSchema.file))) {
    throw new DataDirectoryError(
      `${join(directory, stateSchema.file)} is missing. Restore a backup into an empty directory.`,
    );
  }
}

/** Waits for all, so that none is still starting when one has failed. */
async function allOpened(threads: readonly ThreadClient[]): Promise<void> {
  const results = await Promise.allSettled(threads.map((thread) => thread.opened));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function databaseFiles(): string[] {
  return ["lock", "lock-holder"].concat(schemas.flatMap(({ file }) => [file, `${file}-wal`, `${file}-shm`]));
}

function toThread<S>(
  thread: ThreadClient,
  store: Call["store"],
  methods: readonly (keyof S & string)[],
): stores.Remote<S> {
  return stores.remote<S>(methods, (method, input) => thread.call({ store, method, input }, weigh(method, input)));
}

async function copyInto(directory: string, folder: string, blobs: FileBlobs, lifetime: Lifetime): Promise<void> {
  lifetime.requireOpen();
  await blobs.holdDeletions(async () => {
    for (const schema of schemas) {
      using database = openReader(directory, schema);
      // The transaction pins one moment: without it, each write of the engine would start the copy anew.
      database.exec("BEGIN; SELECT count(*) FROM counter");
      await backup(database, join(folder, schema.file), { rate: pagesPerStep });
    }
    await mkdir(join(folder, blobsFolder));
    for (const name of await readdir(join(directory, blobsFolder))) {
      if (isDigest(name)) await link(join(directory, blobsFolder, name), join(folder, blobsFolder, name));
    }
  });
}
