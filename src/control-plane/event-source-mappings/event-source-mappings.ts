/**
 * The control plane of event source mappings: their records and states, without their wire shapes. A change is durable
 * when its promise resolves, in a state of transition; the step that settles it follows in the background and is taken
 * up again after a crash. Whoever reads from the sources follows the records.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import { Gate } from "../../core/gate.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Records } from "../../engine/contract.ts";
import type { Functions } from "../functions/functions.ts";
import { isKnown } from "../functions/is-known.ts";
import { requireTags, retagged, type TagChange, type TaggedResources, type Tags } from "../tags.ts";
import { requireNoDuplicate } from "./duplicates.ts";
import {
  sourceForbidden,
  sourceMissing,
  sourceNotRead,
  visibilityTooShort,
  type EventSource,
  type EventSources,
} from "./event-sources.ts";
import { isSettled, nextState, readsIn, settledState, stateOfNew, type MappingEvent } from "./mapping-life.ts";
import {
  mappingArn,
  type EventSourceMappingRecord,
  type MappingReaders,
  type MappingSettings,
} from "./mapping-record.ts";
import { mappingNotFound, MappingStore } from "./mapping-store.ts";

/** Wait before a step that the engine refused is tried again, in ms. */
const retryDelayMs = 1000;

export interface EventSourceMappingsOptions {
  readonly records: Records;
  readonly functions: Pick<Functions, "resolve">;
  readonly sources: EventSources;
  /** Undefined where nothing reads. */
  readonly readers?: MappingReaders;
  readonly clock: Clock;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
}

/** Which function is invoked. */
export interface MappingTarget {
  readonly name: string;
  readonly qualifier?: string;
}

export interface NewMapping {
  readonly target: MappingTarget;
  readonly source: EventSource;
  /** The settings may name the mapping's own id. */
  readonly settingsOf: (uuid: string) => MappingSettings;
  readonly enabled: boolean;
  readonly tags: Tags;
}

export interface MappingChange {
  readonly target?: MappingTarget;
  readonly enabled?: boolean;
  readonly settingsOf: (current: EventSourceMappingRecord) => MappingSettings;
}

export interface MappingFilter {
  readonly target?: MappingTarget;
  readonly sourceArn?: string;
}

export class EventSourceMappings implements TaggedResources {
  readonly #store: MappingStore;
  readonly #functions: Pick<Functions, "resolve">;
  readonly #sources: EventSources;
  readonly #readers: MappingReaders | undefined;
  readonly #clock: Clock;
  readonly #newId: () => string;
  /** One at a time, since no two may connect the same source and function. */
  readonly #connecting = new Gate(1);
  readonly #waiting = new Set<Timer>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor({ records, functions, sources, readers, clock, newId }: EventSourceMappingsOptions) {
    this.#store = new MappingStore(records);
    this.#functions = functions;
    this.#sources = sources;
    this.#readers = readers;
    this.#clock = clock;
    this.#newId = newId;
  }

  /** Takes up the transitions that an earlier run left. */
  async start(): Promise<void> {
    for await (const record of this.#store.all()) this.#settling(record);
  }

  /** Begins no further step and waits for those under way; the rest is for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#waiting) timer.cancel();
    await Promise.all(this.#running);
  }

  /** Throws InvalidParameterValueException and ResourceConflictException. */
  async create(
    scope: Scope,
    { target, source, settingsOf, enabled, tags }: NewMapping,
  ): Promise<EventSourceMappingRecord> {
    requireTags(tags);
    const { timeoutSeconds } = await this.#configurationOf(scope, target);
    await this.#requireSource(scope, source);
    this.#requireVisibility(source, timeoutSeconds);
    const [uuid, nowMs] = [this.#newId(), this.#clock.now()];
    const settings = settingsOf(uuid);
    if ((settings.startingPositionTimestampMs ?? 0) > nowMs) throw startInFuture();
    const record: EventSourceMappingRecord = {
      scope,
      uuid,
      source,
      ...fieldsOf(target),
      settings,
      state: stateOfNew(enabled),
      enabled,
      tags,
      lastModifiedMs: nowMs,
    };
    await this.#connecting.run(async () => {
      await requireNoDuplicate(record, this.#store.all(scope));
      await this.#store.create(record);
    });
    return this.#settling(record);
  }

  /** Throws ResourceNotFoundException. */
  async get(scope: Scope, uuid: string): Promise<EventSourceMappingRecord> {
    const record = await this.#store.find(scope, uuid);
    if (record === undefined) throw mappingNotFound();
    return record;
  }

  /** In the order of their ids, after `after`. */
  async list(
    scope: Scope,
    filter: MappingFilter,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<EventSourceMappingRecord[]> {
    const found: EventSourceMappingRecord[] = [];
    for await (const record of this.#store.all(scope, options.after)) {
      if (isMeant(record, filter)) found.push(record);
      if (found.length === options.limit) break;
    }
    return found;
  }

  /** Throws ResourceNotFoundException, ResourceInUseException, and what `create` throws. */
  async update(scope: Scope, uuid: string, change: MappingChange): Promise<EventSourceMappingRecord> {
    const { target } = change;
    const write = async (): Promise<EventSourceMappingRecord> =>
      this.#store.modify(scope, uuid, (current) => changed(current, change, this.#clock.now()));
    if (target === undefined) return this.#settling(await write());
    const before = await this.get(scope, uuid);
    const { timeoutSeconds } = await this.#configurationOf(scope, target);
    this.#requireVisibility(before.source, timeoutSeconds);
    const record = await this.#connecting.run(async () => {
      await requireNoDuplicate(withTarget(before, target), this.#store.all(scope));
      return write();
    });
    return this.#settling(record);
  }

  /** Returns the mapping as it is while it goes. */
  async delete(scope: Scope, uuid: string): Promise<EventSourceMappingRecord> {
    const record = await this.#store.modify(scope, uuid, (current) => ({
      ...current,
      state: nextState(current.state, "delete"),
    }));
    return this.#settling(record);
  }

  async tagsOf(scope: Scope, arn: string): Promise<Tags> {
    return (await this.#tagged(scope, arn)).tags;
  }

  async changeTags(scope: Scope, arn: string, change: TagChange): Promise<void> {
    const { uuid } = await this.#tagged(scope, arn);
    await this.#store.modify(scope, uuid, (record) => ({ ...record, tags: retagged(record.tags, change) }));
  }

  async #tagged(scope: Scope, arn: string): Promise<EventSourceMappingRecord> {
    const uuid = arn.slice(arn.lastIndexOf(":") + 1);
    const record = arn === mappingArn(scope, uuid) ? await this.#store.find(scope, uuid) : undefined;
    if (record !== undefined) return record;
    throw new ApiError("ResourceNotFoundException", `Event source mapping not found: ${arn}`);
  }

  async #configurationOf(scope: Scope, { name, qualifier }: MappingTarget): Promise<FunctionConfiguration> {
    if (!(await isKnown(this.#functions, scope, name, qualifier))) throw functionMissing();
    return (await this.#functions.resolve(scope, name, qualifier)).configuration;
  }

  /** Others would get the messages while the function runs. */
  #requireVisibility(source: EventSource, timeoutSeconds: number): void {
    if (source.kind === "self-managed-kafka") return;
    const visibilitySeconds = this.#sources.visibilitySecondsOf(source.arn);
    if (visibilitySeconds !== undefined && visibilitySeconds < timeoutSeconds) {
      throw visibilityTooShort(visibilitySeconds, timeoutSeconds);
    }
  }

  async #requireSource(scope: Scope, source: EventSource): Promise<void> {
    if (!this.#sources.isRead(source.kind)) throw sourceNotRead(source.kind);
    if (source.kind === "self-managed-kafka") return;
    const answer = await this.#sources.exists(source.arn, scope);
    if (answer === "no") throw sourceMissing(source.kind, source.arn);
    if (answer === "forbidden") throw sourceForbidden();
  }

  #settling(record: EventSourceMappingRecord): EventSourceMappingRecord {
    if (!isSettled(record.state)) this.#settleAfter(0, record.scope, record.uuid);
    return record;
  }

  #settleAfter(delayMs: number, scope: Scope, uuid: string): void {
    if (this.#closed) return;
    const timer = this.#clock.after(delayMs, () => {
      this.#waiting.delete(timer);
      const step = this.#settle(scope, uuid).finally(() => this.#running.delete(step));
      this.#running.add(step);
    });
    this.#waiting.add(timer);
  }

  /** Never rejects: a step that the engine refuses is tried again. */
  async #settle(scope: Scope, uuid: string): Promise<void> {
    try {
      const record = await this.#store.find(scope, uuid);
      if (record !== undefined && !readsIn(record)) await this.#readers?.stopped(record);
      await this.#store.modify(scope, uuid, settled);
    } catch (error) {
      // Gone meanwhile: nothing is left to settle.
      if (!(error instanceof ApiError)) this.#settleAfter(retryDelayMs, scope, uuid);
    }
  }
}

function settled(record: EventSourceMappingRecord): EventSourceMappingRecord | undefined {
  const state = settledState(record.state, record.enabled);
  if (state === record.state) return record;
  return state === "gone" ? undefined : { ...record, state };
}

function changed(
  current: EventSourceMappingRecord,
  { target, enabled, settingsOf }: MappingChange,
  nowMs: number,
): EventSourceMappingRecord {
  const state = nextState(current.state, eventOf(enabled));
  return {
    ...(target === undefined ? current : withTarget(current, target)),
    settings: settingsOf(current),
    state,
    enabled: enabled ?? current.enabled,
    lastModifiedMs: nowMs,
  };
}

function eventOf(enabled: boolean | undefined): MappingEvent {
  if (enabled === undefined) return "change";
  return enabled ? "enable" : "disable";
}

function withTarget(record: EventSourceMappingRecord, target: MappingTarget): EventSourceMappingRecord {
  const { functionName: _name, qualifier: _qualifier, ...rest } = record;
  return { ...rest, ...fieldsOf(target) };
}

function fieldsOf({ name, qualifier }: MappingTarget): Pick<EventSourceMappingRecord, "functionName" | "qualifier"> {
  return qualifier === undefined ? { functionName: name } : { functionName: name, qualifier };
}

function isMeant(record: EventSourceMappingRecord, { target, sourceArn }: MappingFilter): boolean {
  if (target !== undefined && (record.functionName !== target.name || record.qualifier !== target.qualifier))
    return false;
  return sourceArn === undefined || (record.source.kind !== "self-managed-kafka" && record.source.arn === sourceArn);
}

function functionMissing(): ApiError {
  return new ApiError("InvalidParameterValueException", "Function does not exist");
}

function startInFuture(): ApiError {
  return new ApiError("InvalidParameterValueException", "StartingPositionTimestamp cannot be in the future.");
}
