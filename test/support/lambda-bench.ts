/**
 * Lambda's operations over a control plane in memory and a frontend that answers as told, for tests.
 */
import type { KeyObject } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { ManualClock } from "../../src/core/manual-clock.ts";
import { CodeSigning } from "../../src/control-plane/code-signing/code-signing.ts";
import { Concurrency } from "../../src/control-plane/concurrency/concurrency.ts";
import { EventInvokeConfigs } from "../../src/control-plane/event-invoke/event-invoke-configs.ts";
import { EventSourceMappings } from "../../src/control-plane/event-source-mappings/event-source-mappings.ts";
import { unknownSources } from "../../src/control-plane/event-source-mappings/event-sources.ts";
import { isSettled } from "../../src/control-plane/event-source-mappings/mapping-life.ts";
import {
  mappingsPrefix,
  type EventSourceMappingRecord,
} from "../../src/control-plane/event-source-mappings/mapping-record.ts";
import { FunctionUrls } from "../../src/control-plane/function-urls/function-urls.ts";
import { Functions } from "../../src/control-plane/functions/functions.ts";
import { FunctionPolicies } from "../../src/control-plane/policies/function-policies.ts";
import { RuntimeManagement } from "../../src/control-plane/runtime-management/runtime-management.ts";
import { EventQueues } from "../../src/events/event-queues.ts";
import { LambdaMetrics } from "../../src/metering/metrics/lambda-metrics.ts";
import { MetricStore } from "../../src/metering/metrics/metric-store.ts";
import type { Frontend, InvokeOutcome, InvokeRequest } from "../../src/data-plane/frontend/contract.ts";
import type { ProvisioningStatus } from "../../src/data-plane/scaling/contract.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { createMemoryEngine } from "../../src/engine/memory/memory-engine.ts";
import type { PackageStore } from "../../src/packages/contract.ts";
import { openPackageStore } from "../../src/packages/package-store.ts";
import { mappingsOf } from "../../src/config/mappings.ts";
import { FunctionVariables } from "../../src/secrets/function-variables.ts";
import { Keyring } from "../../src/secrets/keyring.ts";
import { buildZip } from "./build-zip.ts";
import type { CallContext } from "../../src/aws/service.ts";
import { CallerRates } from "../../src/aws/lambda/caller-rates.ts";
import { CodeLinks } from "../../src/aws/lambda/code-links.ts";
import type { FunctionRoles } from "../../src/aws/lambda/function-role.ts";
import { createLambdaHandlers } from "../../src/aws/lambda/lambda-handlers.ts";

export const role = "arn:aws:iam::000000000000:role/any";

export function context(overrides: Partial<CallContext> = {}): CallContext {
  return {
    scope: { account: "000000000000", region: "us-east-1" },
    requestId: "00000000-0000-4000-8000-000000000000",
    caller: { kind: "client", accessKeyId: "test" },
    headers: { host: "127.0.0.1:4566" },
    signal: new AbortController().signal,
    responseHeaders: new Map(),
    ...overrides,
  };
}

export class LambdaBench implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly engine: Engine;
  readonly functions: Functions;
  readonly codeLinks: CodeLinks;
  readonly eventSourceMappings: EventSourceMappings;
  readonly events: EventQueues;
  /** Event sources of which it is known that they are there, or that they are not. */
  readonly sources = new Map<string, "yes" | "no">();
  /** Public keys by the ARN of a signing profile version. */
  readonly signingKeys = new Map<string, KeyObject>();
  /** What the owner was told. */
  readonly warnings: string[] = [];
  /** What the frontend was asked. */
  readonly invocations: InvokeRequest[] = [];
  outcome: InvokeOutcome = { kind: "not-ready", state: "Pending", reason: "" };
  /** What the data plane says of every configuration. */
  provisioning: ProvisioningStatus = { status: "IN_PROGRESS", allocated: 0, available: 0 };
  readonly #directory: string;
  /** What judges the roles of functions; undefined while any will do. */
  roles: FunctionRoles | undefined;
  readonly #handlers: Readonly<Record<string, (input: never, context: CallContext) => unknown>>;

  /** `runtimes` are those that are installed. */
  static async open(
    runtimes: readonly string[] = ["nodejs24.x"],
    settings: Partial<Parameters<typeof mappingsOf>[0]> = {},
  ): Promise<LambdaBench> {
    const directory = await mkdtemp(join(tmpdir(), "hearth-lambda-"));
    const clock = new ManualClock();
    const packages = await openPackageStore(directory, { clock });
    const bench = new LambdaBench(directory, clock, packages, runtimes, settings);
    await bench.events.start();
    return bench;
  }

  private constructor(
    directory: string,
    clock: ManualClock,
    packages: PackageStore,
    runtimes: readonly string[],
    settings: Partial<Parameters<typeof mappingsOf>[0]>,
  ) {
    const mappings = mappingsOf({ kmsKeys: "", securityGroups: "", fileSystems: "", ignoreUnmapped: "", ...settings });
    const keyring = new Keyring(
      new Map(["default", ...mappings.kmsKeys.keys()].map((id, index) => [id, new Uint8Array(32).fill(index)])),
    );

    this.#directory = directory;
    this.clock = clock;
    this.engine = createMemoryEngine({ clock, random: Math.random });
    let ids = 0;
    const newId = (): string => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`;
    this.functions = new Functions({
      engine: this.engine,
      packages,
      runtimes: { isAvailable: () => true },
      clock,
      newId,
    });
    this.codeLinks = new CodeLinks({
      secret: Buffer.from("secret"),
      clock,
      readCode: async (digest) => this.engine.blobs.get(digest),
    });
    const { records } = this.engine;
    this.eventSourceMappings = new EventSourceMappings({
      records,
      functions: this.functions,
      sources: { ...unknownSources, exists: async (arn) => this.sources.get(arn) ?? "unknown" },
      clock,
      newId,
    });
    const frontend: Frontend = {
      invoke: async (request) => {
        this.invocations.push(request);
        return this.outcome;
      },
      check: () => (this.outcome.kind === "executed" ? { kind: "ok" } : this.outcome),
    };
    this.events = new EventQueues({
      engine: this.engine,
      functions: this.functions,
      frontend,
      metrics: new LambdaMetrics({
        store: new MetricStore({ engine: this.engine, clock, metricsBytesMax: 1_048_576 }),
        clock,
      }),
      clock,
      newId,
      onWarning: (message) => this.warnings.push(message),
    });
    const installed = new Map(runtimes.map((identifier) => [identifier, { version: "24.20.0" }]));
    this.#handlers = createLambdaHandlers({
      roles: { lambdaRoleProblem: async (...asked) => this.roles?.lambdaRoleProblem(...asked) },
      functions: this.functions,
      concurrency: new Concurrency({
        records: this.engine.records,
        clock,
        accountConcurrency: 1000,
      }),
      callerRates: new CallerRates({
        clock,
        accountConcurrency: 1000,
        requestsPerConcurrency: 10,
        apiRates: "off",
      }),
      frontend,
      provisioning: { status: () => this.provisioning },
      host: {
        architecture: "x86_64",
        runtimes: { find: (identifier) => installed.get(identifier) },
        variables: new FunctionVariables(keyring, { ignoresUnknownKeys: mappings.ignored.has("KMSKeyArn") }),
        mappings,
      },
      codeLinks: this.codeLinks,
      codeSigning: new CodeSigning({
        engine: this.engine,
        functions: this.functions,
        profiles: { keyOf: async (arn) => this.signingKeys.get(arn) },
        clock,
        newId,
        onWarning: (message) => this.warnings.push(message),
      }),
      eventInvokeConfigs: new EventInvokeConfigs({ records, functions: this.functions, clock }),
      eventSourceMappings: this.eventSourceMappings,
      events: this.events,
      functionUrls: new FunctionUrls({
        records,
        functions: this.functions,
        clock,
        newUrlId: () => String(++ids).padStart(32, "u"),
      }),
      runtimeManagement: new RuntimeManagement({
        records,
        functions: this.functions,
        installed: (identifier) => installed.get(identifier),
      }),
      policies: new FunctionPolicies({ records: this.engine.records, functions: this.functions, newId }),
    });
  }

  async call<T = Record<string, unknown>>(operation: string, input: object, call = context()): Promise<T> {
    const handler = this.#handlers[operation];
    if (handler === undefined) throw new Error(`no handler for ${operation}`);
    return (await handler(input as never, call)) as T;
  }

  /** Creates a function and waits until it is Active. */
  async create(name: string, overrides: object = {}): Promise<Record<string, unknown>> {
    await this.call("CreateFunction", { ...validRequest(name), ...overrides });
    return this.untilSettled(name);
  }

  async untilSettled(name: string, scope = context().scope): Promise<Record<string, unknown>> {
    for (;;) {
      const shown = await this.call("GetFunctionConfiguration", { FunctionName: name }, context({ scope }));
      if (shown["State"] !== "Pending" && shown["LastUpdateStatus"] !== "InProgress") return shown;
      await setImmediate();
    }
  }

  /** Lets the transitions of event source mappings end. */
  async untilMappingsSettled(): Promise<void> {
    for (;;) {
      this.clock.advance(0);
      const entries = await this.engine.records.list<EventSourceMappingRecord>(mappingsPrefix);
      if (entries.every(({ value }) => isSettled(value.state))) return;
      await setImmediate();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.events.close();
    await this.eventSourceMappings.close();
    await this.functions.close();
    await this.engine.close();
    await rm(this.#directory, { recursive: true });
  }
}

export function zip(text = "exports.handler = async () => 1"): Buffer {
  return buildZip([{ name: "index.js", content: text }]);
}

export function validRequest(name: string): Record<string, unknown> {
  return { FunctionName: name, Runtime: "nodejs24.x", Handler: "index.handler", Role: role, Code: { ZipFile: zip() } };
}
