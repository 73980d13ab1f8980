/** Event queues over an engine in memory, with a frontend and targets that answer as told, for tests. */
import type { EventInvokeConfig } from "../../src/control-plane/event-invoke/event-invoke-configs.ts";
import type { ResolvedFunction } from "../../src/control-plane/functions/functions.ts";
import { functionNotFound } from "../../src/control-plane/functions/refusals.ts";
import { UnavailableError } from "../../src/core/errors.ts";
import { functionArn, functionKey, functionPartKey, type FunctionRecord } from "../../src/core/function-record.ts";
import type { Scope } from "../../src/core/identity.ts";
import { ManualClock } from "../../src/core/manual-clock.ts";
import type { Frontend, InvokeOutcome, InvokeRequest } from "../../src/data-plane/frontend/contract.ts";
import type { Engine, Queue } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import { EventQueues, type EventAnswer, type EventRequest } from "../../src/events/event-queues.ts";
import type { QueueTarget, TargetMessage } from "../../src/events/event-targets.ts";
import { LambdaMetrics } from "../../src/metering/metrics/lambda-metrics.ts";
import { MetricStore } from "../../src/metering/metrics/metric-store.ts";
import { configurationOf, scope, settle } from "./data-plane.ts";

type Answer = InvokeOutcome | Error | Promise<InvokeOutcome>;

export interface Sent {
  readonly arn: string;
  readonly message: TargetMessage;
}

export class EventsBench implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine: Engine = createMemoryEngine({ clock: this.clock, random: Math.random });
  /** What the frontend was asked, with the time. */
  readonly invocations: (InvokeRequest & { readonly atMs: number })[] = [];
  /** What SQS was sent. */
  readonly sent: Sent[] = [];
  readonly warnings: string[] = [];
  readonly metrics = new MetricStore({ engine: this.engine, clock: this.clock, metricsBytesMax: 1_048_576 });
  /** What the frontend answers. */
  answer: (request: InvokeRequest) => Answer = () => succeeded();
  /** What SQS answers; throws when it cannot now. */
  take: QueueTarget["send"] = async () => ({ kind: "taken" });
  events: EventQueues;
  #life = { isOver: false };
  #ids = 0;

  constructor() {
    this.events = this.#newEvents();
  }

  static async open(...names: readonly string[]): Promise<EventsBench> {
    const bench = new EventsBench();
    for (const name of names) await bench.create(name);
    await bench.events.start();
    return bench;
  }

  async create(name: string, over: Partial<FunctionRecord> & { readonly deadLetters?: string } = {}): Promise<void> {
    const { deadLetters, ...rest } = over;
    const latest = configurationOf(name, deadLetters === undefined ? {} : { deadLetterTargetArn: deadLetters });
    const record: FunctionRecord = { scope, name, latest, active: latest, tags: {}, createdAtMs: 0, ...rest };
    await this.engine.records.put(functionKey(scope, name), record);
  }

  async delete(name: string): Promise<void> {
    await this.engine.records.delete(functionKey(scope, name));
  }

  async configure(name: string, config: Partial<EventInvokeConfig>): Promise<void> {
    const { qualifier = "$LATEST" } = config;
    const value = { qualifier, lastModifiedMs: 0, ...config };
    await this.engine.records.put(functionPartKey("event-invoke-config", scope, name, qualifier), value);
  }

  /** Sends an event and lets happen what needs no time to pass. */
  async send(functionName: string, over: Partial<EventRequest> = {}): Promise<EventAnswer> {
    const requestId = `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, "0")}`;
    const answer = await this.events.accept({ scope, functionName, requestId, payload: Buffer.from("{}"), ...over });
    await this.settled();
    return answer;
  }

  /** Time passes, in steps small enough for everything that follows from what falls due. */
  async advance(durationMs: number, stepMs = 1000): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= stepMs) {
      this.clock.advance(Math.min(stepMs, leftMs));
      await this.settled();
    }
  }

  async settled(): Promise<void> {
    for (let round = 0; round < 30; round++) await settle();
  }

  /** When each invocation came, counted from the first. */
  get times(): number[] {
    const [first] = this.invocations;
    return this.invocations.map(({ atMs }) => atMs - (first?.atMs ?? 0));
  }

  /** As after kill -9: whatever was under way is cut off in the middle, and nothing more is heard of it. */
  async crash(whileDown: () => Promise<void> = async () => undefined): Promise<void> {
    this.#life.isOver = true;
    await this.#close();
    await whileDown();
    this.#life = { isOver: false };
    this.events = this.#newEvents();
    await this.events.start();
    await this.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.engine.close();
  }

  /** Whatever is being processed has its time to end. */
  async #close(): Promise<void> {
    const closed = this.events.close();
    await this.settled();
    this.clock.advance(2000);
    await closed;
  }

  #newEvents(): EventQueues {
    const life = this.#life;
    return new EventQueues({
      engine: cutOff(this.engine, life),
      functions: {
        find: (at, name) => this.#find(at, name),
        resolve: (at, name, qualifier) => this.#resolve(at, name, qualifier),
      },
      frontend: this.#frontend(),
      queueTarget: {
        send: async (arn, message) => {
          const outcome = await this.take(arn, message);
          if (outcome.kind === "taken") this.sent.push({ arn, message });
          return outcome;
        },
      },
      metrics: new LambdaMetrics({ store: this.metrics, clock: this.clock }),
      clock: this.clock,
      newId: () => `00000000-0000-4000-9000-${String(++this.#ids).padStart(12, "0")}`,
      onWarning: (message) => this.warnings.push(message),
    });
  }

  #frontend(): Frontend {
    return {
      invoke: async (request) => {
        this.invocations.push({ ...request, atMs: this.clock.now() });
        const answer = this.answer(request);
        if (answer instanceof Error) throw answer;
        return answer;
      },
      check: ({ functionName }) =>
        functionName === "missing" ? { kind: "not-found", arn: functionArn(scope, functionName) } : { kind: "ok" },
    };
  }

  async #find(at: Scope, name: string): Promise<FunctionRecord | undefined> {
    const record = (await this.engine.records.get<FunctionRecord>(functionKey(at, name)))?.value;
    return record?.deleting === true ? undefined : record;
  }

  async #resolve(at: Scope, name: string, qualifier: string | undefined): Promise<ResolvedFunction> {
    const record = await this.#find(at, name);
    if (record === undefined) throw functionNotFound(at, name, qualifier);
    return { record, configuration: record.latest };
  }
}

/** The engine as one process sees it: after its end nothing it does has an effect. */
function cutOff(engine: Engine, life: { readonly isOver: boolean }): Engine {
  const guard = async <T>(task: () => Promise<T>): Promise<T> => {
    if (life.isOver) throw new UnavailableError("closing", "the process is gone");
    const result = await task();
    if (life.isOver) throw new UnavailableError("closing", "the process is gone");
    return result;
  };
  const guarded = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, property, receiver) {
        const member: unknown = Reflect.get(object, property, receiver);
        if (typeof member !== "function") return member;
        return async (...input: unknown[]) => guard(async () => Reflect.apply(member, object, input) as unknown);
      },
    });
  const { queues } = engine;
  return {
    ...engine,
    records: engine.records,
    queues: {
      open: async (...input) => guard<Queue>(async () => guarded(await queues.open(...input))),
      remove: async (name) => guard(async () => queues.remove(name)),
      list: async (prefix) => guard(async () => queues.list(prefix)),
    },
  };
}

export function succeeded(text = '"done"'): InvokeOutcome {
  return ran({ kind: "success", payload: Buffer.from(text), contentType: "application/json" });
}

export function failed(message = "intentional failure"): InvokeOutcome {
  const payload = Buffer.from(JSON.stringify({ errorMessage: message, errorType: "Error" }));
  return ran({ kind: "function-error", functionError: "Unhandled", payload });
}

export const throttled: InvokeOutcome = {
  kind: "throttled",
  reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  retryAfterSeconds: 1,
};

function ran(response: Extract<InvokeOutcome, { readonly kind: "executed" }>["response"]): InvokeOutcome {
  return {
    kind: "executed",
    executedVersion: "$LATEST",
    response,
    start: { cold: false, queueMs: 0, environmentId: "e" },
    report: new Promise(() => undefined),
  };
}
