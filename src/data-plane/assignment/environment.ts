/**
 * What the data plane knows of one execution environment.
 *
 * States: `starting` → `busy` (runs an invocation) → `settling` (has answered; its log is being drained and it is being
 * frozen) → `idle` (in its table's stack) → `busy` again; `gone` from any state, and for good. A start that nobody
 * waits for any more goes to `idle` at once.
 */
import type { Timer } from "../../core/clock.ts";
import type { ColdStartPhases, EnvironmentSpec } from "../../worker/contract.ts";
import type { Resident, WorkerNode } from "../placement/worker-node.ts";
import type { EnvironmentTable } from "./environment-table.ts";

export class Environment implements Resident {
  readonly spec: EnvironmentSpec;
  readonly table: EnvironmentTable;
  readonly node: WorkerNode<Environment>;
  /** When its start was asked for; on the monotonic clock, as all times here. */
  readonly createdAtMs: number;
  state: "starting" | "idle" | "busy" | "settling" | "gone" = "starting";
  /** Of its start; undefined until it is over. */
  phases: ColdStartPhases | undefined;
  /** Whether its init phase succeeded; otherwise its first invocation repeats it. */
  initialized = false;
  startMs = 0;
  invocations = 0;
  idleSinceMs = 0;
  /** Fires when the environment may have been idle, or may have lived, for long enough. */
  expiry: { readonly timer: Timer; readonly atMs: number } | undefined;
  /** The keep-alive policy counts it as idle. */
  isCountedIdle = false;
  /** The keep-alive policy knows of the invocation that it runs. */
  isCountedBusy = false;

  constructor(spec: EnvironmentSpec, table: EnvironmentTable, node: WorkerNode<Environment>, createdAtMs: number) {
    this.spec = spec;
    this.table = table;
    this.node = node;
    this.createdAtMs = createdAtMs;
  }

  /** Started ahead of demand and kept while that is wanted, used or not. */
  get isProvisioned(): boolean {
    return this.spec.initializationType === "provisioned-concurrency";
  }

  get id(): string {
    return this.spec.id;
  }

  get functionArn(): string {
    return this.spec.functionArn;
  }

  get functionVersion(): string {
    return this.spec.functionVersion;
  }

  get memoryMiB(): number {
    return this.spec.memoryMiB;
  }
}
