/** A worker over the fake driver, and what a test wants to know of it. */
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";

import { ManualClock } from "../../core/manual-clock.ts";
import type { RuntimePack } from "../../runtimes/contract.ts";
import { FakeDriver, type FakeDriverOptions } from "../../sandbox/fake/fake-driver.ts";
import type { FakeCommand } from "../../sandbox/fake/scripted-process.ts";
import type { EnvironmentSpec, Invocation, LogBatch, WorkerStatus } from "../contract.ts";
import { createWorker, type WorkerOptions, type WorkerService } from "../worker-service.ts";

export const testPack: RuntimePack = {
  identifier: "nodejs24.x",
  family: "nodejs",
  version: "24.20.0",
  mounts: [],
  argv: ["runtime", "--heap={heapMiB}"],
  environment: { PATH: "/var/lang/bin:/usr/bin:/bin" },
  poolable: true,
  startOnlyVariables: ["NODE_OPTIONS"],
};

export function testSpec(changes: Partial<EnvironmentSpec> = {}): EnvironmentSpec {
  return {
    id: `environment-${randomUUID()}`,
    scope: { account: "000000000000", region: "us-east-1" },
    functionName: "resize",
    functionVersion: "$LATEST",
    functionArn: "arn:aws:lambda:us-east-1:000000000000:function:resize",
    handler: "index.handler",
    runtime: testPack,
    memoryMiB: 128,
    ephemeralStorageMiB: 512,
    timeoutMs: 3000,
    environment: {},
    codeDirectory: "/tmp",
    logging: { format: "Text", group: "/aws/lambda/resize", stream: "2026/01/01/[$LATEST]0123456789abcdef" },
    credentials: { accessKeyId: "ASIATEST", secretAccessKey: "secret", sessionToken: "token" },
    initializationType: "on-demand",
    ...changes,
  };
}

export function testInvocation(environmentId: string, changes: Partial<Invocation> = {}): Invocation {
  return {
    environmentId,
    requestId: randomUUID(),
    invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:resize",
    payload: Buffer.from(`{"n":1}`),
    timeoutMs: 3000,
    traceId: "Root=1-00000000-000000000000000000000001",
    wantsLogTail: true,
    ...changes,
  };
}

export interface Harness extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly driver: FakeDriver;
  readonly worker: WorkerService;
  readonly logs: LogBatch[];
  readonly gone: { readonly id: string; readonly reason: string }[];
  readonly statuses: WorkerStatus[];
  readonly reports: string[];
  /** All lines so far, of all environments, after a flush. */
  lines(): string[];
}

export function harness(
  runtime: FakeCommand,
  options: {
    readonly driver?: FakeDriverOptions;
    readonly frontSocket?: string;
    readonly logBytesPerSecond?: number;
    readonly packages?: WorkerOptions["packages"];
  } = {},
): Harness {
  const clock = new ManualClock();
  const driver = new FakeDriver({ ...options.driver, commands: { ...options.driver?.commands, runtime } });
  const logs: LogBatch[] = [];
  const gone: { id: string; reason: string }[] = [];
  const statuses: WorkerStatus[] = [];
  const reports: string[] = [];
  const worker = createWorker({
    driver,
    clock,
    policy: { cpuMode: "share", egress: "none", diskBytesPerSecond: 0, networkBytesPerSecond: 0 },
    frontSocket: options.frontSocket ?? "/nonexistent/front.sock",
    logBytesPerSecond: options.logBytesPerSecond ?? 4_194_304,
    runId: "test",
    version: "0.0.0",
    memoryMiB: 1024,
    isMemoryLimited: false,
    cpus: 2,
    packages: options.packages ?? { all: () => [], changes: () => undefined },
    report: (text) => reports.push(text),
  });
  worker.setListener({
    onLogs: (batch) => logs.push(batch),
    onEnvironmentGone: (id, reason) => gone.push({ id, reason }),
    onStatus: (status) => statuses.push(status),
    onDisconnected: () => undefined,
  });
  return {
    clock,
    driver,
    worker,
    logs,
    gone,
    statuses,
    reports,
    lines: () => {
      clock.advance(20);
      return logs.flatMap(({ events }) => events.map(({ message }) => message));
    },
    async [Symbol.asyncDispose]() {
      await worker.close();
      const left = driver.living;
      await driver.close();
      if (left.length > 0) throw new Error(`sandboxes left behind: ${left.join(", ")}`);
    },
  };
}

/** A condition that does not hold by then will not. */
const patienceMs = 10_000;

/** Waits, turn by turn, until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  const giveUpAtMs = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited in vain until ${holds.toString()}`);
    await nextTurn();
  }
}
