/**
 * The engine in memory, complete but for durability: for tests, the simulator, and as the model of what the contract
 * means. Everything happens in the call itself; time stands in the clock, ids come from `random`.
 */
import type { Clock } from "../../core/clock.ts";
import type { Engine } from "../contract.ts";
import { Lifetime } from "../front/lifetime.ts";
import { ProcessLeases } from "../front/leases.ts";
import { FrontQueues } from "../front/queues.ts";
import { FrontRecords } from "../front/records.ts";
import { FrontStreams } from "../front/streams.ts";
import {
  queueMethods,
  recordMethods,
  remote,
  streamMethods,
  type QueueStore,
  type RecordStore,
  type Remote,
  type StreamStore,
} from "../front/stores.ts";
import { MemoryBlobs } from "./blobs.ts";
import { MemoryQueues } from "./queues.ts";
import { MemoryRecords } from "./records.ts";
import { MemoryStreams } from "./streams.ts";

export interface MemoryEngineOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
}

export function createMemoryEngine({ clock, random }: MemoryEngineOptions): Engine {
  const lifetime = new Lifetime();
  const records = new MemoryRecords();
  const newId = (): string => uuidFrom(random);
  const queueStore = direct<QueueStore>(queueMethods, new MemoryQueues());
  return {
    records: new FrontRecords(direct<RecordStore>(recordMethods, records), records, lifetime),
    queues: new FrontQueues({ store: queueStore, clock, lifetime, newId }),
    streams: new FrontStreams(direct<StreamStore>(streamMethods, new MemoryStreams()), lifetime),
    blobs: new MemoryBlobs(clock, lifetime),
    leases: new ProcessLeases(clock, lifetime),
    close: async () => void lifetime.close(),
  };
}

function direct<S extends object>(methods: readonly (keyof S & string)[], store: S): Remote<S> {
  return remote<S>(methods, async (method, input) => {
    const call = store[method as keyof S] as (input: unknown) => unknown;
    return call.call(store, input);
  });
}

/** A version 4 UUID. */
function uuidFrom(random: () => number): string {
  const bytes = Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256)));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
