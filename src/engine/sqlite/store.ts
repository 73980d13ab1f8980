/** One open database with its stores, its group commit and its upkeep. */
import type { DatabaseSync } from "node:sqlite";
import { invariant } from "../../core/invariant.ts";
import { stateSchema, streamsSchema } from "../schema.ts";
import { Counter } from "./counter.ts";
import { openDatabase } from "./database.ts";
import { GroupCommit, toFailure, type Outcome } from "./group-commit.ts";
import type { Call, ThreadSettings } from "./protocol.ts";
import { SqliteQueues } from "./queues.ts";
import { SqliteRecords } from "./records.ts";
import { SqliteStreams } from "./streams.ts";

/** Free pages that a database may keep for reuse: 4 MiB, or a quarter of the file. */
const freePagesKept = 1024;
const freeShareKept = 0.25;
/** Pages given back to the file system at a time, in one commit. */
const pagesGivenBack = 512;

export interface Store {
  run(calls: readonly Call[]): Outcome[];
  /** Gives a little of what is free back to the file system, if it is much. */
  tidy(): void;
  close(): void;
}

export function openStore({ directory, database: which }: ThreadSettings): Store {
  const isState = which === "state";
  const database = openDatabase(directory, isState ? stateSchema : streamsSchema);
  const [stores, counters] = isState ? stateStores(database) : streamStores(database);
  const commit = new GroupCommit(database, counters);
  const freePages = database.prepare("PRAGMA freelist_count");
  const allPages = database.prepare("PRAGMA page_count");
  const giveBack = database.prepare(`PRAGMA incremental_vacuum(${pagesGivenBack})`);
  return {
    run: (calls) => commit.run(calls.map((call) => () => dispatch(stores, call))),
    tidy() {
      const free = Number(freePages.get()?.["freelist_count"]);
      if (free <= freePagesKept) return;
      if (free <= freeShareKept * Number(allPages.get()?.["page_count"])) return;
      try {
        giveBack.all();
      } catch (error) {
        // Even giving back takes room in the log: it is done when the disk has some again.
        if (!toFailure(error).isDiskFull) throw error;
      }
    },
    close: () => database.close(),
  };
}

type Stores = Partial<Record<Call["store"], object>>;

function stateStores(database: DatabaseSync): [Stores, Counter[]] {
  const revisions = new Counter(database, "revision");
  const sequences = new Counter(database, "sequence");
  const records = new SqliteRecords(database, revisions);
  return [{ records, queues: new SqliteQueues(database, sequences) }, [revisions, sequences]];
}

function streamStores(database: DatabaseSync): [Stores, Counter[]] {
  const floor = new Counter(database, "position");
  return [{ streams: new SqliteStreams(database, floor) }, [floor]];
}

function dispatch(stores: Stores, { store: name, method, input }: Call): unknown {
  const store = stores[name] as Record<string, ((input: unknown) => unknown) | undefined> | undefined;
  const call = store?.[method];
  invariant(call, `the database has ${name}.${method}`);
  return call.call(store, input);
}
