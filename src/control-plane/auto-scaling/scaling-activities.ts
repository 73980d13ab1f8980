/**
 * What auto scaling did, and what it left: records of six weeks, the newest first.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html
 */
import type { Clock } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import type { Key, RecordEntry, Records } from "../../engine/contract.ts";
import { activityKind, type ScalableResource, type ScalingActivityRecord } from "./scaling-records.ts";

/** As long as AWS shows them. */
export const retentionMs = 42 * 86_400_000;
/** Of one account and region: two a minute for more than three days; then the oldest go. */
export const activitiesMax = 10_000;
/** Records read at once. */
const pageMax = 500;
/** Times count down from here, so that the newest come first; the last time that a Date has. */
const endOfTimeMs = 8_640_000_000_000_000;
const timeDigits = 16;

export type NewActivity = Omit<ScalingActivityRecord, "id" | "startedAtMs">;

/** What a former process had begun. */
export interface OpenActivity {
  readonly activity: ScalingActivityRecord;
  /** Whether nothing else was asked for of its resource since. */
  readonly isLatest: boolean;
}

export interface ActivityQuery {
  readonly scope: Scope;
  /** All of the scope when undefined. */
  readonly resource?: ScalableResource;
  /** Also those that changed nothing, with the reason. */
  readonly includeNotScaled: boolean;
  /** From the page before. */
  readonly after?: string;
  readonly max: number;
}

export interface ActivityPage {
  readonly activities: readonly ScalingActivityRecord[];
  readonly next?: string;
}

export class ScalingActivities {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #newId: () => string;
  /** Keys of each account and region, the oldest first. */
  readonly #keys = new Map<string, Key[]>();
  readonly #keyOf = new Map<string, Key>();
  #lastMs = 0;

  constructor({
    records,
    clock,
    newId,
  }: {
    readonly records: Records;
    readonly clock: Clock;
    readonly newId: () => string;
  }) {
    this.#records = records;
    this.#clock = clock;
    this.#newId = newId;
  }

  /** Finds what there is. Answers what had not come to its end, the newest first. */
  async start(): Promise<OpenActivity[]> {
    const open: OpenActivity[] = [];
    const found: RecordEntry<ScalingActivityRecord>[] = [];
    const changed = new Set<string>();
    for await (const entry of this.#all([activityKind])) {
      found.push(entry);
      const { value } = entry;
      const target = JSON.stringify(value.resource);
      if (isOpen(value)) open.push({ activity: value, isLatest: !changed.has(target) });
      if (value.capacity !== undefined) changed.add(target);
    }
    for (const { key, value } of found.toReversed()) this.#remember(key, value);
    return open;
  }

  async add(activity: NewActivity): Promise<ScalingActivityRecord> {
    // Each later than the one before, so that their order stays what it was.
    this.#lastMs = Math.max(this.#clock.now(), this.#lastMs + 1);
    const record = { ...activity, id: this.#newId(), startedAtMs: this.#lastMs };
    const key = keyOf(record);
    await this.#records.put(key, record);
    this.#remember(key, record);
    await this.#forgetOld(record.resource.scope);
    return record;
  }

  /** Nothing of one that is forgotten by now. */
  async update(record: ScalingActivityRecord): Promise<void> {
    const key = this.#keyOf.get(record.id);
    if (key === undefined) return;
    await this.#records.put(key, record);
    if (!isOpen(record)) this.#keyOf.delete(record.id);
  }

  async list({ scope, resource, includeNotScaled, after, max }: ActivityQuery): Promise<ActivityPage> {
    const activities: ScalingActivityRecord[] = [];
    let lastKey: Key | undefined;
    for await (const { key, value } of this.#all(
      prefixOf(scope),
      after === undefined ? undefined : place(scope, after),
    )) {
      const isMeant =
        (resource === undefined ||
          (resource.name === value.resource.name && resource.qualifier === value.resource.qualifier)) &&
        (includeNotScaled || value.notScaled === undefined) &&
        value.startedAtMs >= this.#clock.now() - retentionMs;
      if (!isMeant) continue;
      if (activities.length === max) return { activities, ...(lastKey !== undefined && { next: lastKey[3] ?? "" }) };
      activities.push(value);
      lastKey = key;
    }
    return { activities };
  }

  #remember(key: Key, record: ScalingActivityRecord): void {
    const { account, region } = record.resource.scope;
    const scopeId = `${account}/${region}`;
    const keys = this.#keys.get(scopeId) ?? [];
    this.#keys.set(scopeId, keys);
    keys.push(key);
    this.#lastMs = Math.max(this.#lastMs, record.startedAtMs);
    if (isOpen(record)) this.#keyOf.set(record.id, key);
  }

  async #forgetOld({ account, region }: Scope): Promise<void> {
    const keys = this.#keys.get(`${account}/${region}`) ?? [];
    const oldest = segmentOf(this.#clock.now() - retentionMs);
    for (let [key] = keys; key !== undefined; [key] = keys) {
      if (keys.length <= activitiesMax && (key[3] ?? "") <= oldest) return;
      keys.shift();
      await this.#records.delete(key);
    }
  }

  async *#all(prefix: Key, from?: Key): AsyncGenerator<RecordEntry<ScalingActivityRecord>, void> {
    let after = from;
    for (;;) {
      const page = await this.#records.list<ScalingActivityRecord>(prefix, {
        limit: pageMax,
        ...(after === undefined ? {} : { after }),
      });
      yield* page;
      after = page.at(-1)?.key;
      if (page.length < pageMax) return;
    }
  }
}

/** Whether a page could end there. */
export function isActivityPlace(text: string): boolean {
  return text.length === timeDigits && /^\d+$/.test(text);
}

function isOpen({ status }: ScalingActivityRecord): boolean {
  return status === "Pending" || status === "InProgress";
}

function segmentOf(timeMs: number): string {
  return String(endOfTimeMs - timeMs).padStart(timeDigits, "0");
}

function prefixOf({ account, region }: Scope): Key {
  return [activityKind, account, region];
}

/** The only one of its time. */
function keyOf({ resource: { scope }, startedAtMs }: ScalingActivityRecord): Key {
  return place(scope, segmentOf(startedAtMs));
}

function place(scope: Scope, segment: string): Key {
  return [...prefixOf(scope), segment];
}
