/** The policies by name, and different ones for different functions. */
import { keepAliveRulesOf, type KeepAlivePolicyName, type KeepAliveRule } from "../../../config/keep-alive.ts";
import type { Config } from "../../../config/settings.ts";
import { unreachable } from "../../../core/invariant.ts";
import type {
  Expectation,
  Happening,
  IdleEnvironment,
  KeepAlivePolicy,
  KeptFunction,
  Outlook,
  Past,
} from "./contract.ts";
import { FixedWindow } from "./fixed-window.ts";
import { Forecast } from "./forecast.ts";
import { GreedyDual } from "./greedy-dual.ts";
import { HybridHistogram } from "./hybrid-histogram.ts";

/** Of an unqualified function ARN, whose last part is the name. */
const functionArnParts = 7;

/**
 * `windowMs` is how long `fixed` keeps everything, whose idle memory is the budget of `forecast` (none: nothing is
 * kept), and how far the histogram of `hybrid` reaches. `greedy-dual` has none.
 */
export function createPolicy(name: KeepAlivePolicyName, windowMs: number): KeepAlivePolicy {
  switch (name) {
    case "forecast":
      return windowMs === 0 ? new FixedWindow(0) : new Forecast({ budgetWindowMs: windowMs });
    case "fixed":
      return new FixedWindow(windowMs);
    case "hybrid":
      return new HybridHistogram({ rangeMinutes: Math.max(1, Math.round(windowMs / 60_000)) });
    case "greedy-dual":
      return new GreedyDual();
    default:
      return unreachable(name);
  }
}

export type KeepAliveConfig = Pick<Config, "keepAlivePolicy" | "keepAliveMs" | "keepAliveFor">;

export function keepAlivePolicyOf(config: KeepAliveConfig): KeepAlivePolicy {
  const general = createPolicy(config.keepAlivePolicy, config.keepAliveMs);
  const rules = keepAliveRulesOf(config);
  return rules.size === 0 ? general : new PolicyByFunction(general, (id) => ruleFor(rules, id));
}

/** Whether any of the policies in force learns. */
export function learnsFromPast(config: KeepAliveConfig): boolean {
  const rules = [...keepAliveRulesOf(config).values()];
  return [config.keepAlivePolicy, ...rules.map(({ policy }) => policy)].some((policy) => policy !== "fixed");
}

/** The rule that holds for a function, by its ARN, and whether it is its own. */
export function keepAliveInForce(
  config: KeepAliveConfig,
  functionArn: string,
): KeepAliveRule & { readonly isOwn: boolean } {
  const own = ruleFor(keepAliveRulesOf(config), functionArn);
  if (own !== undefined) return { ...own, isOwn: true };
  return { policy: config.keepAlivePolicy, windowMs: config.keepAliveMs, isOwn: false };
}

/** `id` is the function's unqualified ARN, whatever follows it. */
function ruleFor(rules: ReadonlyMap<string, KeepAliveRule>, id: string): KeepAliveRule | undefined {
  const parts = id.split(":");
  return rules.get(parts.slice(0, functionArnParts).join(":")) ?? rules.get(parts[functionArnParts - 1] ?? "");
}

/**
 * A policy for all, and others for some functions. Whose memory goes first under pressure is the former's decision for
 * everyone, since worth has no scale that policies share.
 */
export class PolicyByFunction implements KeepAlivePolicy {
  readonly #general: KeepAlivePolicy;
  readonly #ruleOf: (id: string) => KeepAliveRule | undefined;
  /** By what the rule says: functions with the same one share its policy. */
  readonly #byRule = new Map<string, KeepAlivePolicy>();

  constructor(general: KeepAlivePolicy, ruleOf: (id: string) => KeepAliveRule | undefined) {
    this.#general = general;
    this.#ruleOf = ruleOf;
  }

  observe(happening: Happening, kept: KeptFunction, nowMs: number): void {
    const own = this.#own(kept.id);
    own?.observe(happening, kept, nowMs);
    this.#general.observe(happening, own === undefined ? kept : elsewhere(kept), nowMs);
  }

  observeStart(kept: KeptFunction, startMs: number): void {
    this.#general.observeStart(kept, startMs);
    this.#own(kept.id)?.observeStart(kept, startMs);
  }

  recall(past: Past): void {
    if (past.kind === "time") {
      this.#general.recall(past);
      for (const policy of this.#byRule.values()) policy.recall(past);
      return;
    }
    const own = this.#own(past.kept.id);
    own?.recall(past);
    this.#general.recall(own === undefined ? past : { ...past, kept: elsewhere(past.kept) });
  }

  keepUntilMs(idle: IdleEnvironment, nowMs: number): number {
    return (this.#own(idle.function.id) ?? this.#general).keepUntilMs(idle, nowMs);
  }

  outlook(kept: KeptFunction, count: number, nowMs: number): Outlook {
    return (this.#own(kept.id) ?? this.#general).outlook(kept, count, nowMs);
  }

  worth(idle: IdleEnvironment, nowMs: number): number {
    return this.#general.worth(idle, nowMs);
  }

  expectation(kept: KeptFunction, nowMs: number): Expectation | undefined {
    return (this.#own(kept.id) ?? this.#general).expectation(kept, nowMs);
  }

  forget(id: string): void {
    this.#general.forget(id);
    this.#own(id)?.forget(id);
  }

  #own(id: string): KeepAlivePolicy | undefined {
    const rule = this.#ruleOf(id);
    if (rule === undefined) return undefined;
    const key = `${rule.policy}:${rule.windowMs}`;
    let policy = this.#byRule.get(key);
    if (policy === undefined) {
      policy = createPolicy(rule.policy, rule.windowMs);
      this.#byRule.set(key, policy);
    }
    return policy;
  }
}

function elsewhere({ id, memoryMiB }: KeptFunction): KeptFunction {
  return { id, memoryMiB, isKeptElsewhere: true };
}
