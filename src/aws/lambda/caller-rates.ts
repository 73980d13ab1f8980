/**
 * How often an account may call Lambda in one region: ten events a second for each unit of its concurrency, and, where
 * the owner wants that, the other operations as on AWS. Calls that run a function at once are limited by the data plane.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests
 */
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import { TokenBuckets } from "../../data-plane/counting/token-bucket.ts";
import type { CallContext, Handlers } from "../service.ts";

/** Requests a second, on AWS. */
const getFunctionRate = 100;
const getPolicyRate = 15;
const controlPlaneRate = 15;

/** A bucket holds the requests of one second, and fills within a second. */
const refillMs = 1000;

/** They have rates of their own. */
const invokingOperations: ReadonlySet<string> = new Set(["Invoke", "InvokeAsync", "InvokeWithResponseStream"]);

export interface CallerRatesOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly accountConcurrency: number;
  /** Events a second for each unit of concurrency; 0 is no limit. */
  readonly requestsPerConcurrency: number;
  /** Whether operations other than invocations are limited. */
  readonly apiRates: "on" | "off";
}

export class CallerRates {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #events: TokenBuckets | undefined;
  /** By operation, those that do not share the rate of all others. */
  readonly #operations: ReadonlyMap<string, TokenBuckets>;
  readonly #others: TokenBuckets | undefined;

  constructor({ clock, accountConcurrency, requestsPerConcurrency, apiRates }: CallerRatesOptions) {
    const eventsPerSecond = accountConcurrency * requestsPerConcurrency;
    this.#clock = clock;
    this.#events = eventsPerSecond > 0 ? new TokenBuckets({ capacity: eventsPerSecond, refillMs }) : undefined;
    const isLimited = apiRates === "on";
    this.#others = isLimited ? new TokenBuckets({ capacity: controlPlaneRate, refillMs }) : undefined;
    this.#operations = new Map(
      isLimited
        ? [
            ["GetFunction", new TokenBuckets({ capacity: getFunctionRate, refillMs })],
            ["GetPolicy", new TokenBuckets({ capacity: getPolicyRate, refillMs })],
          ]
        : [],
    );
  }

  /** Throws TooManyRequestsException when the account sends more events than it may. */
  requireEvent(scope: Scope): void {
    this.#require(this.#events, scope);
  }

  /** The same of an operation that does not invoke. */
  requireOperation(operation: string, scope: Scope): void {
    this.#require(this.#operations.get(operation) ?? this.#others, scope);
  }

  #require(buckets: TokenBuckets | undefined, { account, region }: Scope): void {
    const waitMs = buckets?.take(`${account}/${region}`, this.#clock.monotonicMs()) ?? 0;
    if (waitMs === 0) return;
    // As AWS words it; what the data plane refuses it words "Rate Exceeded.".
    throw new ApiError("TooManyRequestsException", "Rate exceeded", {
      Reason: "CallerRateLimitExceeded",
      retryAfterSeconds: String(Math.ceil(waitMs / 1000)),
    });
  }
}

/** The same handlers, within the rates of their callers. */
export function withinRates(handlers: Handlers, rates: CallerRates): Handlers {
  const limited = Object.entries(handlers).map(([operation, handler]) => {
    if (invokingOperations.has(operation)) return [operation, handler] as const;
    const serve = (input: never, context: CallContext): unknown => {
      rates.requireOperation(operation, context.scope);
      return handler(input, context);
    };
    return [operation, serve] as const;
  });
  return Object.fromEntries(limited);
}
