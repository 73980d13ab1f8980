/** What the data plane found and decided, in sentences. */
import { unreachable } from "../core/invariant.ts";
import type { Decision } from "../data-plane/assignment/decision-log.ts";
import type { VersionOutcome } from "../data-plane/data-plane.ts";
import type { VersionShare } from "../data-plane/frontend/alias-routing.ts";
import type { FunctionInsight, PoolInsight, Verdict } from "../data-plane/insight.ts";
import { durationText, timeText } from "./times.ts";

/** What becomes of the next call of a version, and why. */
export function outcomeText(outcome: VersionOutcome): string {
  switch (outcome.kind) {
    case "found":
      return verdictText(outcome);
    case "not-ready":
      return `${outcome.state}: ${outcome.reason}`;
    case "not-found":
      return `there is no ${outcome.arn}`;
    default:
      return unreachable(outcome);
  }
}

/** How many of an alias's calls a version gets. */
export function shareText({ version, weight }: VersionShare): string {
  return `${Number((weight * 100).toPrecision(4))} % go to version ${version}`;
}

function verdictText(insight: FunctionInsight): string {
  const { verdict, environments } = insight;
  switch (verdict.state) {
    case "throttled":
      return `throttled: the next call is refused with ${verdict.reason}: ${limitText(insight, verdict)}`;
    case "warm":
      return `warm: ${warmText(insight)}`;
    case "starting":
      return "starting: an environment is on its way that nobody waits for; the next call gets it";
    case "busy": {
      const all = environments.atWork === 1 ? "the one environment is" : `all ${environments.atWork} environments are`;
      return `busy: ${all} at work; the next call takes the first that frees, or starts cold ${startText(insight)}`;
    }
    case "too-large": {
      const largest = `the largest may be promised ${Math.floor(verdict.offeredMiBMax)} MiB`;
      return `too large: no worker can hold an environment of ${insight.memoryMiB} MB, ${largest}; the next call fails`;
    }
    case "cold":
      return `cold: no environment; ${lastEndText(insight)}${prewarmText(insight)}; next call starts cold ${startText(insight)}`;
    default:
      return unreachable(verdict);
  }
}

function limitText({ limits }: FunctionInsight, { reason, limit }: Extract<Verdict, { state: "throttled" }>): string {
  const { reserved, unreserved, requests, scaling } = limits;
  if (limit !== undefined) return `no start of the scaling rate's ${scaling.max} is left`;
  switch (reason) {
    case "ReservedFunctionConcurrentInvocationLimitExceeded":
      if (reserved === undefined || reserved.limit === 0) return "its reserved concurrency is 0";
      return (
        `${reserved.inUse} of the ${reserved.limit} that are reserved for it are in use` +
        (reserved.inUse < reserved.limit ? ", and the others are provisioned for its versions" : "")
      );
    case "ConcurrentInvocationLimitExceeded":
      return `${unreserved.inUse} of the ${unreserved.limit} that functions without a reserve share are in use`;
    case "FunctionInvocationRateLimitExceeded":
      return `no request of the ${requests?.perSecond} a second that functions without a reserve share is left`;
    case "ReservedFunctionInvocationRateLimitExceeded":
      return `no request of the ${requests?.perSecond} a second of its reserve is left`;
    case "CallerRateLimitExceeded":
      return "its caller calls too often";
    default:
      return unreachable(reason);
  }
}

function warmText({ nowMs, environments: { idle, idleOnes } }: FunctionInsight): string {
  const [first] = idleOnes;
  if (first === undefined) return `${idle} environments wait`;
  const until = first.endsAtMs === undefined ? "its memory is wanted" : timeText(first.endsAtMs, nowMs);
  const facts = [
    `idle since ${timeText(first.sinceMs, nowMs)}`,
    ...(first.isProvisioned ? ["provisioned"] : []),
    `there until ${until} if nobody calls`,
    ...(idle === 1 ? [] : [`${idle - 1} more like it`]),
  ];
  return `an environment waits for the next call: ${facts.join(", ")}`;
}

function lastEndText({ nowMs, decisions }: FunctionInsight): string {
  if (decisions.length === 0) return "not invoked since Hearth started";
  const last = decisions.find(({ kind }) => ["expired", "evicted", "retired", "ended"].includes(kind));
  if (last === undefined) return "none has ended of late";
  const idle = last.durationMs > 0 ? ` after ${durationText(last.durationMs)} idle` : "";
  return `last one ended ${timeText(last.atMs, nowMs)}${idle} (${endText(last)})`;
}

function prewarmText({ nowMs, keepAlive: { prewarm } }: FunctionInsight): string {
  if (prewarm === undefined) return "";
  return `; ${prewarm.count === 1 ? "one is" : `${prewarm.count} are`} made ready at ${timeText(prewarm.atMs, nowMs)}`;
}

function startText({ pool, room }: FunctionInsight): string {
  switch (room.kind) {
    case "short":
      return "as soon as there is memory, which is short: if there is none soon, it is throttled";
    case "full":
      return "as soon as there is memory: all of it is promised to environments that are at work or provisioned; if none is given back soon, it is throttled";
    case "no-worker":
      return "as soon as there is a worker that takes it: there is none just now";
    case "there":
    case "too-large":
      return poolText(pool);
    default:
      return unreachable(room);
  }
}

function poolText(pool: PoolInsight | undefined): string {
  if (pool === undefined) return "from nothing: it does not use the pool";
  return pool.ready === 0 ? "from nothing: the pool has none ready" : `from the pool (${pool.ready} ready)`;
}

/** One line of the log. */
export function decisionText(decision: Decision): string {
  const { kind, reason, detail, durationMs } = decision;
  const why = reason === "all-at-work" ? "all environments were at work" : "there was no environment";
  switch (kind) {
    case "warm":
      return reason === "provisioned" ? "served warm, by a provisioned environment" : "served warm";
    case "cold": {
      const from = detail === "pooled" ? "from the pool" : "not from the pool";
      return `started cold, since ${why}; ${from}, ready after ${durationText(durationMs)}`;
    }
    case "waited":
      return `waited ${durationText(durationMs)} for one that was about to be free, since ${why}`;
    case "throttled":
      if (reason === "MemoryPressure")
        return `throttled: ${reason}, since no environment could be started: memory was short`;
      return `throttled: ${reason}${detail === "" ? "" : `, by the ${detail}`}`;
    case "failed":
      return `failed: ${detail}`;
    case "prewarmed":
      return "started before anybody asked, since it is expected";
    case "not-prewarmed":
      return "expected, but not started ahead: there was no memory that is worth less to others";
    case "provisioned":
      return `provisioned environment ready after ${durationText(durationMs)}`;
    case "not-provisioned":
      return `provisioned environment not ready: ${reason === "init" ? "the function's init phase failed" : detail}`;
    case "expired":
    case "evicted":
    case "retired":
    case "ended":
      return `environment ended${durationMs > 0 ? ` after ${durationText(durationMs)} idle` : ""}: ${endText(decision)}`;
    default:
      return unreachable(kind);
  }
}

const ends: Readonly<Record<string, string>> = {
  "keep-alive": "idle for as long as the keep-alive policy wants",
  memory: "its memory was wanted for others",
  "memory-pressure": "the machine's memory was short",
  "function-changed": "the function was changed",
  "too-old": "it had reached the greatest age",
  "worker-draining": "its worker is being replaced",
  "not-provisioned": "fewer are provisioned now",
  "by-itself": "by itself: a crash, an exit or a timeout",
  "worker-lost": "its worker was lost",
};

function endText({ reason }: Decision): string {
  return ends[reason] ?? reason;
}
