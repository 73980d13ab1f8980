/**
 * Tasks that move messages out of a dead-letter queue, back to where they came from or to a queue that is named. A task is
 * a record; it survives a restart and goes on. A message is written to its new queue before it is dropped from the old one.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { QueueMessage, Records } from "../../engine/contract.ts";
import { envelopeOf } from "./message.ts";
import type { MessageQueue } from "./message-queue.ts";
import {
  handleOf,
  moveTasksPrefix,
  parseHandle,
  taskKey,
  tasksKey,
  type MoveTaskRecord,
  type MoveTaskStatus,
} from "./move-task-record.ts";
import { isFifoName, parseQueueArn, queueArn, type QueueRecord, type QueueRef } from "./queue-record.ts";
import { invalidParameter, resourceNotFound } from "./refusals.ts";

/** What tasks need of the queues. */
interface TaskQueues {
  find(queue: QueueRef): QueueRecord | undefined;
  messages(queue: QueueRef): Promise<MessageQueue>;
  deadLetterSources(queue: QueueRef): readonly QueueRecord[];
}

export interface MoveTasksOptions {
  readonly records: Records;
  readonly queues: TaskQueues;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly onError: (error: unknown) => void;
}

export interface MoveTaskRequest {
  readonly sourceArn: string;
  readonly destinationArn?: string | undefined;
  readonly perSecondMax?: number | undefined;
}

const perSecondLargest = 500;
/** Tasks that are remembered of one queue, the latest; more are never listed. */
const rememberedMax = 10;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html */
const activePerAccountMax = 100;
/** Messages that one step moves; the rate of a task is that of its steps. */
const stepMax = 100;
/** For how long a step's messages are hidden, in ms: what a crash interrupts is taken up again after it. */
const stepVisibilityMs = 60_000;
/** Wait before a step that the engine refused is tried again, in ms. */
const retryDelayMs = 1000;
/** How often progress is written down, in ms. */
const progressIntervalMs = 1000;

interface RunningTask {
  record: MoveTaskRecord;
  writtenAtMs: number;
  timer: Timer | undefined;
  step: Promise<void>;
}

export class MoveTasks {
  readonly #options: MoveTasksOptions;
  readonly #running = new Map<string, RunningTask>();
  #isClosed = false;

  constructor(options: MoveTasksOptions) {
    this.#options = options;
  }

  /** Takes up what was under way. */
  async start(): Promise<void> {
    for (const { value } of await this.#options.records.list<MoveTaskRecord>(moveTasksPrefix)) {
      if (value.status === "RUNNING" || value.status === "CANCELLING") this.#run(value);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const running = [...this.#running.values()];
    for (const { timer } of running) timer?.cancel();
    await Promise.all(running.map(({ step }) => step));
  }

  /** Returns the task's handle. */
  async begin(scope: Scope, request: MoveTaskRequest): Promise<string> {
    const { queues, clock, newId } = this.#options;
    const { sourceArn, destinationArn, perSecondMax } = request;
    const source = this.#queueNamed(scope, "SourceArn", sourceArn);
    if (queues.deadLetterSources(source).length === 0) {
      throw invalidParameter("Source queue must be configured as a Dead Letter Queue.");
    }
    if (destinationArn !== undefined) {
      if (destinationArn === sourceArn) {
        throw invalidParameter("Source queue arn and destination queue arn cannot be the same.");
      }
      const destination = this.#queueNamed(scope, "DestinationArn", destinationArn);
      if (isFifoName(destination.name) !== isFifoName(source.name)) {
        throw invalidParameter("The source queue and destination queue must be of the same queue type.");
      }
    }
    if (perSecondMax !== undefined && !(perSecondMax >= 1 && perSecondMax <= perSecondLargest)) {
      throw invalidParameter(
        "Value for parameter MaxNumberOfMessagesPerSecond is invalid. " +
          `Reason: You must enter a number that's between 1 and ${perSecondLargest}.`,
      );
    }
    const { visible } = await (await queues.messages(source)).stats();
    this.#requireNoneRunning(source);
    const record: MoveTaskRecord = {
      id: newId(),
      source,
      status: "RUNNING",
      startedAtMs: clock.now(),
      moved: 0,
      toMove: visible,
      ...(destinationArn === undefined ? {} : { destinationArn }),
      ...(perSecondMax === undefined ? {} : { perSecondMax }),
    };
    // Known before it is durable, so that of two at the same moment the second is refused.
    const task = this.#remember(record);
    try {
      await this.#options.records.put(taskKey(record), record);
      await this.#forgetOldest(source);
    } catch (error) {
      this.#running.delete(record.id);
      throw error;
    }
    this.#schedule(task, 0);
    return handleOf(record);
  }

  /** The queue's tasks, the latest first, with their handles while they run. */
  async list(scope: Scope, sourceArn: string, max: number): Promise<{ record: MoveTaskRecord; handle?: string }[]> {
    const source = this.#queueNamed(scope, "SourceArn", sourceArn);
    const records = await this.#recordsOf(source);
    return records.slice(0, max).map((stored) => {
      const record = this.#running.get(stored.id)?.record ?? stored;
      return record.status === "RUNNING" ? { record, handle: handleOf(record) } : { record };
    });
  }

  /** Returns how many messages were moved until now. */
  async cancel(scope: Scope, handle: string): Promise<number> {
    const { taskId, sourceArn } = parseHandle(handle);
    const source = parseQueueArn(sourceArn);
    const isHere = source?.scope.account === scope.account && source.scope.region === scope.region;
    if (source === undefined || !isHere || this.#options.queues.find(source) === undefined) {
      throw resourceNotFound("The resource that you specified for the SourceArn parameter doesn't exist.");
    }
    const task = this.#running.get(taskId);
    if (task === undefined || task.record.status !== "RUNNING" || queueArn(task.record.source) !== sourceArn) {
      throw resourceNotFound("Task does not exist.");
    }
    task.record = { ...task.record, status: "CANCELLING" };
    await this.#write(task);
    return task.record.moved;
  }

  /** Of a queue that is being deleted. What still runs ends by itself. */
  async forget(source: QueueRef): Promise<void> {
    for (const record of await this.#recordsOf(source)) await this.#options.records.delete(taskKey(record));
  }

  #queueNamed(scope: Scope, parameter: string, arn: string): QueueRef {
    const queue = parseQueueArn(arn);
    if (queue === undefined) {
      throw invalidParameter(
        `You must use this format to specify the ${parameter}: ` +
          "arn:<partition>:<service>:<region>:<account-id>:<resource-id>",
      );
    }
    const isHere = queue.scope.account === scope.account && queue.scope.region === scope.region;
    if (!isHere || this.#options.queues.find(queue) === undefined) {
      throw resourceNotFound(`The resource that you specified for the ${parameter} parameter doesn't exist.`);
    }
    return queue;
  }

  #requireNoneRunning(source: QueueRef): void {
    const records = [...this.#running.values()].map(({ record }) => record);
    if (records.some((record) => queueArn(record.source) === queueArn(source))) {
      throw invalidParameter(
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
      );
    }
    const active = records.filter((record) => record.source.scope.account === source.scope.account).length;
    if (active >= activePerAccountMax) {
      throw new ApiError("RequestThrottled", `An account can have ${activePerAccountMax} active message move tasks.`);
    }
  }

  /** The latest first. */
  async #recordsOf(source: QueueRef): Promise<MoveTaskRecord[]> {
    const found = await this.#options.records.list<MoveTaskRecord>(tasksKey(source));
    return found.map(({ value }) => value).toSorted((a, b) => b.startedAtMs - a.startedAtMs);
  }

  async #forgetOldest(source: QueueRef): Promise<void> {
    for (const record of (await this.#recordsOf(source)).slice(rememberedMax)) {
      await this.#options.records.delete(taskKey(record));
    }
  }

  #remember(record: MoveTaskRecord): RunningTask {
    const writtenAtMs = this.#options.clock.monotonicMs();
    const task: RunningTask = { record, writtenAtMs, timer: undefined, step: Promise.resolve() };
    this.#running.set(record.id, task);
    return task;
  }

  #run(record: MoveTaskRecord): void {
    this.#schedule(this.#remember(record), 0);
  }

  #schedule(task: RunningTask, delayMs: number): void {
    if (this.#isClosed) return;
    task.timer = this.#options.clock.after(delayMs, () => {
      task.step = this.#take(task);
    });
  }

  /** A step and what follows from it; never rejects. */
  async #take(task: RunningTask): Promise<void> {
    try {
      const nextDelayMs = await this.#step(task);
      if (nextDelayMs !== undefined) this.#schedule(task, nextDelayMs);
    } catch (error) {
      this.#options.onError(error);
      this.#schedule(task, retryDelayMs);
    }
  }

  /** Moves some messages. Answers when to go on; undefined at the end. */
  async #step(task: RunningTask): Promise<number | undefined> {
    const { source, perSecondMax } = task.record;
    if (task.record.status === "CANCELLING") return this.#end(task, "CANCELLED");
    if (this.#options.queues.find(source) === undefined) return this.#drop(task);
    const queue = await this.#options.queues.messages(source);
    const taken = await queue.take(Math.min(stepMax, perSecondMax ?? stepMax), stepVisibilityMs);
    if (taken.length === 0) return this.#end(task, "COMPLETED");
    const failure = await this.#moveAll(task, queue, taken);
    if (failure !== undefined) return this.#end(task, "FAILED", failure);
    if (this.#options.clock.monotonicMs() - task.writtenAtMs >= progressIntervalMs) await this.#write(task);
    return perSecondMax === undefined ? 0 : (taken.length / perSecondMax) * 1000;
  }

  /** Returns why it could not go on, after putting back what is left. */
  async #moveAll(task: RunningTask, queue: MessageQueue, taken: readonly QueueMessage[]): Promise<string | undefined> {
    const batches = Map.groupBy(taken, (message) => task.record.destinationArn ?? envelopeOf(message).moved?.fromArn);
    const left = new Set(taken);
    for (const [arn, messages] of batches) {
      const target = arn === undefined ? undefined : parseQueueArn(arn);
      const isThere = target !== undefined && this.#options.queues.find(target) !== undefined;
      if (!isThere) {
        await queue.putBack([...left]);
        return arn === undefined ? "CouldNotDetermineMessageSource" : missingQueue;
      }
      await (await this.#options.queues.messages(target)).takeBack(messages);
      await queue.dropTaken(messages);
      for (const message of messages) left.delete(message);
      task.record = { ...task.record, moved: task.record.moved + messages.length };
    }
    return undefined;
  }

  async #end(task: RunningTask, status: MoveTaskStatus, failureReason?: string): Promise<undefined> {
    task.record = { ...task.record, status, ...(failureReason === undefined ? {} : { failureReason }) };
    await this.#write(task);
    this.#running.delete(task.record.id);
  }

  /** Leaves nothing of a task whose queue is gone. */
  async #drop({ record }: RunningTask): Promise<undefined> {
    await this.#options.records.delete(taskKey(record));
    this.#running.delete(record.id);
  }

  async #write(task: RunningTask): Promise<void> {
    await this.#options.records.put(taskKey(task.record), task.record);
    task.writtenAtMs = this.#options.clock.monotonicMs();
  }
}

const missingQueue = "AWS.SimpleQueueService.NonExistentQueue";
