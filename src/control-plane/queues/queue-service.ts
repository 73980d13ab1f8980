/**
 * The control plane of SQS queues: their life, attributes, tags and permissions. Every change of a queue is one
 * compare-and-set of its record. What a crash leaves behind of a deleted queue is removed at the next start.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
 */
import type { Timer } from "../../core/clock.ts";
import type { Scope } from "../../core/identity.ts";
import { changeRecord } from "../../engine/change-record.ts";
import type { Records } from "../../engine/contract.ts";
import type { MessageQueue } from "./message-queue.ts";
import { MoveTasks } from "./move-tasks.ts";
import { defaultSettings, differingAttribute, withAttributes, type Attributes } from "./queue-attributes.ts";
import { QueueDirectory, type QueueDirectoryOptions } from "./queue-directory.ts";
import { withoutPermission, withPermission, type QueuePermission } from "./queue-policy.ts";
import {
  deletedQueueKey,
  deletedQueuesPrefix,
  isFifoName,
  isQueueName,
  messagesKey,
  messagesPrefix,
  parseQueueArn,
  queueArn,
  queueKey,
  type DeletedQueueRecord,
  type QueueRecord,
  type QueueRef,
  type QueueSettings,
} from "./queue-record.ts";
import { allowsSource } from "./redrive-policy.ts";
import {
  invalidParameter,
  invalidValue,
  purgeInProgress,
  queueDeletedRecently,
  queueExists,
  queueNotFound,
  unknownAttribute,
} from "./refusals.ts";

export interface QueueServiceOptions extends QueueDirectoryOptions {
  /** Makes a fresh UUID. */
  readonly newId: () => string;
  /** Failures of work in the background that is tried again. */
  readonly onError: (error: unknown) => void;
}

export type Tags = Readonly<Record<string, string>>;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html */
const deletedForMs = 60_000;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html */
const purgeIntervalMs = 60_000;
/** How often queues that nobody uses are rid of what has expired, in ms; the shortest retention is a minute. */
const sweepIntervalMs = 3_600_000;
const tagsMax = 50;
const tagKeyLengthMax = 128;
const tagValueLengthMax = 256;

export class QueueService {
  readonly moveTasks: MoveTasks;
  readonly #options: QueueServiceOptions;
  readonly #records: Records;
  readonly #directory: QueueDirectory;
  #sweepTimer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: QueueServiceOptions) {
    this.#options = options;
    this.#records = options.engine.records;
    this.#directory = new QueueDirectory(options);
    this.moveTasks = new MoveTasks({ ...options, records: this.#records, queues: this });
  }

  /** Resolves when every queue is known and tasks that were under way go on. */
  async start(): Promise<void> {
    await this.#directory.start();
    await this.#removeOrphans();
    await this.moveTasks.start();
    this.#armSweep();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer?.cancel();
    await this.#sweeping;
    await this.moveTasks.close();
    this.#directory.close();
  }

  find(queue: QueueRef): QueueRecord | undefined {
    return this.#directory.find(queue);
  }

  /** Throws QueueDoesNotExist. */
  get(queue: QueueRef): QueueRecord {
    const record = this.find(queue);
    if (record === undefined) throw queueNotFound();
    return record;
  }

  list(scope: Scope): readonly QueueRecord[] {
    return this.#directory.list(scope);
  }

  /** Throws QueueDoesNotExist. */
  async messages(queue: QueueRef): Promise<MessageQueue> {
    const messages = await this.#directory.messages(queue);
    if (messages === undefined) throw queueNotFound();
    return messages;
  }

  /** The queues whose dead-letter queue this is. */
  deadLetterSources(queue: QueueRef): readonly QueueRecord[] {
    const arn = queueArn(queue);
    return this.list(queue.scope).filter(({ settings }) => settings.redrivePolicy?.deadLetterTargetArn === arn);
  }

  /** Makes the queue, or finds the one that is there already and has the given attributes. */
  async create(queue: QueueRef, attributes: Attributes, tags: Tags): Promise<QueueRecord> {
    const settings = this.#settingsOfNew(queue, attributes);
    requireTags(queue, tags);
    const known = this.find(queue);
    if (known !== undefined) return requireSame(known, attributes, settings);
    await this.#requireNotDeletedRecently(queue);
    const nowMs = this.#options.clock.now();
    const record: QueueRecord = {
      ...queue,
      uid: this.#options.newId(),
      createdAtMs: nowMs,
      modifiedAtMs: nowMs,
      settings,
      tags,
    };
    const outcome = await this.#records.put(queueKey(queue), record, "absent");
    if (outcome.written || outcome.current === undefined) return record;
    return requireSame(outcome.current.value, attributes, settings);
  }

  #settingsOfNew(queue: QueueRef, attributes: Attributes): QueueSettings {
    const { FifoQueue, ...others } = attributes;
    const isFifo = FifoQueue?.toLowerCase() === "true";
    if (FifoQueue !== undefined && !isFifo) throw unknownAttribute("FifoQueue");
    if (isFifo && !(isFifoName(queue.name) && isQueueName(queue.name))) {
      throw invalidParameter(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, " +
          "must end with .fifo suffix and be 1 to 80 in length.",
      );
    }
    if (queue.name === "") throw invalidParameter("Queue name cannot be empty");
    if (!isFifo && (isFifoName(queue.name) || !isQueueName(queue.name))) {
      throw invalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
    }
    const settings = withAttributes(defaultSettings(isFifo), others, queue);
    if (attributes["RedrivePolicy"] !== undefined) this.#requireDeadLetterQueue(queue, settings);
    return settings;
  }

  async #requireNotDeletedRecently(queue: QueueRef): Promise<void> {
    const deleted = await this.#records.get<DeletedQueueRecord>(deletedQueueKey(queue));
    if (deleted === undefined) return;
    if (this.#options.clock.now() < deleted.value.deletedAtMs + deletedForMs) throw queueDeletedRecently();
  }

  async setAttributes(queue: QueueRef, attributes: Attributes): Promise<void> {
    await this.#modify(queue, (record) => {
      const settings = withAttributes(record.settings, attributes, queue);
      if (attributes["RedrivePolicy"] !== undefined) this.#requireDeadLetterQueue(queue, settings);
      return { ...record, settings, modifiedAtMs: this.#options.clock.now() };
    });
  }

  #requireDeadLetterQueue(queue: QueueRef, { redrivePolicy }: QueueSettings): void {
    if (redrivePolicy === undefined) return;
    const refuse = (reason: string): Error => invalidValue("RedrivePolicy", JSON.stringify(redrivePolicy), reason);
    const target = parseQueueArn(redrivePolicy.deadLetterTargetArn);
    const record = target && this.find(target);
    if (record === undefined) throw refuse("Dead letter target does not exist.");
    if (!allowsSource(record.settings.redriveAllowPolicy, queue)) {
      throw refuse("The redrive allow policy of the dead-letter queue does not permit this source queue.");
    }
  }

  async changeTags(
    queue: QueueRef,
    change: { readonly set?: Tags; readonly remove?: readonly string[] },
  ): Promise<void> {
    await this.#modify(queue, (record) => {
      const left = Object.entries(record.tags).filter(([key]) => change.remove?.includes(key) !== true);
      const tags = { ...Object.fromEntries(left), ...change.set };
      requireTags(queue, tags);
      return { ...record, tags };
    });
  }

  async addPermission(queue: QueueRef, permission: QueuePermission): Promise<void> {
    await this.#modify(queue, (record) => {
      const policy = withPermission(record.settings.policy, queue, permission);
      return { ...record, settings: { ...record.settings, policy }, modifiedAtMs: this.#options.clock.now() };
    });
  }

  async removePermission(queue: QueueRef, label: string): Promise<void> {
    await this.#modify(queue, (record) => {
      const { policy, ...others } = record.settings;
      const left = withoutPermission(policy, queue, label);
      const settings = left === undefined ? others : { ...others, policy: left };
      return { ...record, settings, modifiedAtMs: this.#options.clock.now() };
    });
  }

  /** Throws PurgeQueueInProgress within a minute of the last one. */
  async purge(queue: QueueRef): Promise<void> {
    const messages = await this.messages(queue);
    await this.#modify(queue, (record) => {
      const nowMs = this.#options.clock.now();
      const isSoon = record.purgedAtMs !== undefined && nowMs < record.purgedAtMs + purgeIntervalMs;
      if (isSoon) throw purgeInProgress(queue.name);
      return { ...record, purgedAtMs: nowMs };
    });
    await messages.purge();
  }

  async delete(queue: QueueRef): Promise<void> {
    const record = this.get(queue);
    const deleted: DeletedQueueRecord = { deletedAtMs: this.#options.clock.now() };
    await this.#records.put(deletedQueueKey(queue), deleted);
    await this.moveTasks.forget(queue);
    await this.#records.delete(queueKey(queue));
    await this.#options.engine.queues.remove(messagesKey(record));
  }

  /** `change` may run several times and may throw. */
  async #modify(queue: QueueRef, change: (record: QueueRecord) => QueueRecord): Promise<void> {
    await changeRecord(this.#records, queueKey(queue), (record: QueueRecord | undefined) => {
      if (record === undefined) throw queueNotFound();
      return change(record);
    });
  }

  /** Messages of queues that are no more. */
  async #removeOrphans(): Promise<void> {
    const known = new Set([...this.#directory.all()].map(({ uid }) => uid));
    for (const key of await this.#options.engine.queues.list(messagesPrefix)) {
      if (!known.has(key.at(-1) ?? "")) await this.#options.engine.queues.remove(key);
    }
  }

  #armSweep(): void {
    this.#sweepTimer = this.#options.clock.after(sweepIntervalMs, () => {
      this.#sweeping = this.#sweep();
    });
  }

  /** Rids every queue of what has expired, and forgets names that may be used again. Never rejects. */
  async #sweep(): Promise<void> {
    try {
      for (const record of this.#directory.all()) {
        if (this.#isClosed) return;
        await (await this.#directory.messages(record))?.expire();
      }
      await this.#forgetDeleted();
    } catch (error) {
      this.#options.onError(error);
    }
    if (!this.#isClosed) this.#armSweep();
  }

  async #forgetDeleted(): Promise<void> {
    const forgetBeforeMs = this.#options.clock.now() - deletedForMs;
    for (const { key, value, revision } of await this.#records.list<DeletedQueueRecord>(deletedQueuesPrefix)) {
      if (value.deletedAtMs < forgetBeforeMs) await this.#records.delete(key, revision);
    }
  }
}

function requireSame(record: QueueRecord, given: Attributes, wanted: QueueSettings): QueueRecord {
  const differing = differingAttribute(given, wanted, record.settings);
  if (differing !== undefined) throw queueExists(differing);
  return record;
}

function requireTags(queue: QueueRef, tags: Tags): void {
  const entries = Object.entries(tags);
  if (entries.length > tagsMax) throw invalidParameter(`Too many tags added for queue ${queue.name}.`);
  for (const [key, value] of entries) {
    if (key.length < 1 || key.length > tagKeyLengthMax) {
      throw invalidParameter(`Tag keys must be between 1 and ${tagKeyLengthMax} characters in length.`);
    }
    if (value.length > tagValueLengthMax) {
      throw invalidParameter(`Tag values must be between 0 and ${tagValueLengthMax} characters in length.`);
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidParameter("Tag keys that start with aws: are reserved and cannot be used.");
    }
  }
}
