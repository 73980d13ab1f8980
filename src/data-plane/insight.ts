/**
 * What the data plane knows of one version of a function just now, for people who ask why it is warm, cold or throttled
 * (`hearth why`). Gathered when somebody asks; the invoke path notes decisions, and nothing else, for it. Times are the
 * wall clock's.
 */
import type { KeepAlivePolicyName } from "../config/keep-alive.ts";
import type { FunctionConfiguration } from "../core/function-record.ts";
import type { Scope } from "../core/identity.ts";
import type { PoolInfo } from "../worker/contract.ts";
import type { Assignment } from "./assignment/assignment.ts";
import type { Decision } from "./assignment/decision-log.ts";
import type { CountedLimits } from "./counting/counted-limits.ts";
import type { CountingService } from "./counting/counting-service.ts";
import type { ScalingRate, ScalingRoom } from "./counting/scaling-rate.ts";
import type { ThrottleReason } from "./frontend/contract.ts";
import type { Expectation } from "./scaling/keep-alive/contract.ts";
import { keepAliveInForce, type KeepAliveConfig } from "./scaling/keep-alive/named-policies.ts";

/** What becomes of the next invocation. */
export type Verdict =
  /** It is refused; by the scaling rate, if that is the limit. */
  | { readonly state: "throttled"; readonly reason: ThrottleReason; readonly limit?: "scaling rate" }
  /** An environment waits for it. */
  | { readonly state: "warm" }
  /** An environment is being started that nobody waits for. */
  | { readonly state: "starting" }
  /** All environments are at work: it takes the first that frees, or another one that is started. */
  | { readonly state: "busy" }
  /** An environment is started for it. */
  | { readonly state: "cold" }
  /** No worker could hold an environment for it, whatever others give back: the largest may be promised so much. */
  | { readonly state: "too-large"; readonly offeredMiBMax: number };

/** Whether a worker has memory for another environment. */
export type StartRoom =
  | { readonly kind: "there" | "no-worker" }
  /** A start waits for memory, and for so long only: it is really short, or all of it is promised. */
  | { readonly kind: "short" | "full" }
  | { readonly kind: "too-large"; readonly offeredMiBMax: number };

export interface IdleInsight {
  readonly id: string;
  readonly isProvisioned: boolean;
  readonly sinceMs: number;
  /** When it goes if nobody takes it; absent: when its memory is wanted. */
  readonly endsAtMs?: number;
}

export interface EnvironmentsInsight {
  readonly idle: number;
  readonly atWork: number;
  readonly starting: number;
  /** Invocations that wait for one. */
  readonly waiting: number;
  /** Provisioned ones that are ready, whatever they do now. */
  readonly provisioned: number;
  /** Those first that are taken first; no more than `idleShownMax`. */
  readonly idleOnes: readonly IdleInsight[];
}

export interface KeepAliveView {
  /** How long one that becomes idle now would be kept; absent: until its memory is wanted. */
  readonly keptUntilMs?: number;
  /** So many are made ready by then, those at work included. */
  readonly prewarm?: { readonly atMs: number; readonly count: number };
  readonly expectation?: Expectation;
}

export interface KeepAliveInsight extends KeepAliveView {
  readonly policy: KeepAlivePolicyName;
  /** Of the policy; 0 for `greedy-dual`, which has none. */
  readonly windowMs: number;
  /** The function has this policy by `keepAliveFor`. */
  readonly isOwn: boolean;
}

/** The pool of booted runtimes that the function starts from; of all workers together. */
export type PoolInsight = Pick<PoolInfo, "runtime" | "memoryMiB" | "ready" | "target" | "booting" | "memoryBytes">;

export interface FunctionInsight {
  readonly nowMs: number;
  /** Unqualified. */
  readonly functionArn: string;
  readonly version: string;
  /** The alias by which the version was found. */
  readonly alias?: string;
  readonly runtime: string;
  readonly memoryMiB: number;
  readonly verdict: Verdict;
  readonly room: StartRoom;
  readonly environments: EnvironmentsInsight;
  readonly keepAlive: KeepAliveInsight;
  readonly limits: CountedLimits & { readonly scaling: ScalingRoom };
  /** Absent where a function starts from nothing. */
  readonly pool?: PoolInsight;
  /** The newest first. */
  readonly decisions: readonly Decision[];
}

/** Idle environments that are told one by one: the others are like the last of these. */
export const idleShownMax = 50;

export interface InsightSources {
  readonly clock: { now(): number; monotonicMs(): number };
  readonly config: KeepAliveConfig;
  readonly counting: CountingService;
  readonly scalingRate: ScalingRate;
  readonly assignment: Assignment;
  /** What the function's runtime and memory size have ready, given what all pools have. */
  readonly poolOf: (configuration: FunctionConfiguration, pools: readonly PoolInfo[]) => PoolInsight | undefined;
  readonly pools: () => Promise<readonly PoolInfo[]>;
}

export async function insightOf(
  sources: InsightSources,
  scope: Scope,
  configuration: FunctionConfiguration,
  alias: string | undefined,
): Promise<FunctionInsight> {
  const { clock, counting, scalingRate, assignment } = sources;
  const { functionArn, version, runtime, memoryMiB } = configuration;
  const pool = sources.poolOf(configuration, await sources.pools());
  const nowMs = clock.monotonicMs();
  const limits = {
    ...counting.limits(scope, functionArn, version, nowMs),
    scaling: scalingRate.left(scope, functionArn, nowMs),
  };
  const { environments, keepAlive, decisions, room } = assignment.inspect(configuration, idleShownMax);
  return {
    nowMs: clock.now(),
    functionArn,
    version,
    ...(alias === undefined ? {} : { alias }),
    runtime,
    memoryMiB,
    verdict: verdictOf(environments, limits, room),
    room,
    environments,
    keepAlive: { ...keepAliveInForce(sources.config, functionArn), ...keepAlive },
    limits,
    ...(pool === undefined ? {} : { pool }),
    decisions,
  };
}

/** Pure. Admission comes first, then what is there, then whether more can and may be started. */
export function verdictOf(
  { idle, atWork, starting, waiting }: Pick<EnvironmentsInsight, "idle" | "atWork" | "starting" | "waiting">,
  { refusal, scaling }: Pick<FunctionInsight["limits"], "refusal" | "scaling">,
  room: StartRoom,
): Verdict {
  if (refusal !== undefined) return { state: "throttled", reason: refusal };
  if (idle > 0) return { state: "warm" };
  if (starting > waiting) return { state: "starting" };
  if (room.kind === "too-large") return { state: "too-large", offeredMiBMax: room.offeredMiBMax };
  if (scaling.left === 0) {
    return { state: "throttled", reason: "FunctionInvocationRateLimitExceeded", limit: "scaling rate" };
  }
  return { state: atWork > 0 ? "busy" : "cold" };
}
