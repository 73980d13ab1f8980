/**
 * How fast functions may get new execution environments on demand; pure. Environments that are started ahead of demand
 * (provisioned, or warmed) do not count.
 *
 * `current`: each function has its own rate, 1000 environments in 10 s, which refills continuously and is never more.
 * https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
 *
 * `classic`: as until the end of 2023. All functions of an account in a region draw from one bucket. It holds the
 * region's burst, though no more than the account's concurrency, and gets 500 a minute.
 * https://docs.aws.amazon.com/lambda/latest/operatorguide/scaling-concurrency.html
 */
import type { Scope } from "../../core/identity.ts";
import { TokenBuckets } from "./token-bucket.ts";

export interface ScalingRate {
  /**
   * Takes the right to start one more environment of a function, which is named by its unqualified ARN: 0 when it was
   * there, else the time in ms until it will be.
   */
  take(scope: Scope, functionArn: string, nowMs: number): number;
  /** How many could be started now. */
  left(scope: Scope, functionArn: string, nowMs: number): ScalingRoom;
}

export interface ScalingRoom {
  readonly name: ScalingRateName;
  readonly left: number;
  /** As many as there ever are. */
  readonly max: number;
}

export type ScalingRateName = "current" | "classic";

export interface ScalingRateOptions {
  readonly scalingRate: ScalingRateName;
  /** Of `current`. */
  readonly environmentsPerTenSeconds: number;
  readonly accountConcurrency: number;
}

const currentRefillMs = 10_000;

/** https://docs.amazonaws.cn/en_us/lambda/latest/dg/burst-concurrency.html */
const classicBursts: ReadonlyMap<string, number> = new Map([
  ["us-west-2", 3000],
  ["us-east-1", 3000],
  ["eu-west-1", 3000],
  ["ap-northeast-1", 1000],
  ["eu-central-1", 1000],
  ["us-east-2", 1000],
]);
const classicBurstElsewhere = 500;
const classicPerMinute = 500;

export function createScalingRate(options: ScalingRateOptions): ScalingRate {
  return options.scalingRate === "classic"
    ? new ClassicScalingRate(options.accountConcurrency)
    : new CurrentScalingRate(options.environmentsPerTenSeconds);
}

class CurrentScalingRate implements ScalingRate {
  readonly #functions: TokenBuckets;
  readonly #max: number;

  constructor(environmentsPerTenSeconds: number) {
    this.#max = environmentsPerTenSeconds;
    this.#functions = new TokenBuckets({ capacity: environmentsPerTenSeconds, refillMs: currentRefillMs });
  }

  take(_scope: Scope, functionArn: string, nowMs: number): number {
    return this.#functions.take(functionArn, nowMs);
  }

  left(_scope: Scope, functionArn: string, nowMs: number): ScalingRoom {
    return { name: "current", left: this.#functions.left(functionArn, nowMs), max: this.#max };
  }
}

class ClassicScalingRate implements ScalingRate {
  /** By burst; the accounts of a region have the same. */
  readonly #accounts = new Map<number, TokenBuckets>();
  readonly #accountConcurrency: number;

  constructor(accountConcurrency: number) {
    this.#accountConcurrency = accountConcurrency;
  }

  take({ account, region }: Scope, _functionArn: string, nowMs: number): number {
    return this.#bucketsOf(this.#burstOf(region)).take(`${account}/${region}`, nowMs);
  }

  left({ account, region }: Scope, _functionArn: string, nowMs: number): ScalingRoom {
    const max = this.#burstOf(region);
    return { name: "classic", left: this.#bucketsOf(max).left(`${account}/${region}`, nowMs), max };
  }

  #burstOf(region: string): number {
    return Math.min(classicBursts.get(region) ?? classicBurstElsewhere, this.#accountConcurrency);
  }

  #bucketsOf(burst: number): TokenBuckets {
    let accounts = this.#accounts.get(burst);
    if (accounts === undefined) {
      accounts = new TokenBuckets({ capacity: burst, refillMs: (burst / classicPerMinute) * 60_000 });
      this.#accounts.set(burst, accounts);
    }
    return accounts;
  }
}
