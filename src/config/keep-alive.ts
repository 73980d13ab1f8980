/** How policies of keeping environments warm are written: `fixed:10m`, `hybrid:4h`, `forecast:1h`, `greedy-dual`. */
import type { Config } from "./settings.ts";

export const keepAlivePolicyNames = ["forecast", "fixed", "hybrid", "greedy-dual"] as const;
export type KeepAlivePolicyName = (typeof keepAlivePolicyNames)[number];

export interface KeepAliveRule {
  readonly policy: KeepAlivePolicyName;
  /** 0 for `greedy-dual`, which has none. */
  readonly windowMs: number;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Of 30s, 10m, 2h or 7d; undefined of anything else. */
export function durationMsOf(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  return amount === undefined || unit === undefined ? undefined : Number(amount) * (unitMs[unit] ?? 0);
}

/** Undefined when it is none. */
export function parseKeepAlive(text: string): KeepAliveRule | undefined {
  const [name, window, ...rest] = text.split(":");
  const policy = keepAlivePolicyNames.find((each) => each === name);
  if (policy === undefined || rest.length > 0) return undefined;
  if (policy === "greedy-dual") return window === undefined ? { policy, windowMs: 0 } : undefined;
  const windowMs = durationMsOf(window ?? "");
  return windowMs === undefined ? undefined : { policy, windowMs };
}

/** By name or unqualified ARN of a function. Of a configuration that `parseConfig` has passed. */
export function keepAliveRulesOf({ keepAliveFor }: Pick<Config, "keepAliveFor">): ReadonlyMap<string, KeepAliveRule> {
  const rules = new Map<string, KeepAliveRule>();
  for (const { name, rule } of entriesOf(keepAliveFor)) if (rule !== undefined) rules.set(name, rule);
  return rules;
}

export function keepAliveProblems({ keepAliveFor }: Pick<Config, "keepAliveFor">, variable: string): string[] {
  return entriesOf(keepAliveFor)
    .filter(({ name, rule }) => name === "" || rule === undefined)
    .map(({ entry }) => `${variable}: '${entry}' is no pair such as nightly=fixed:1h`);
}

function entriesOf(
  setting: string,
): { readonly entry: string; readonly name: string; readonly rule: KeepAliveRule | undefined }[] {
  const entries = setting.split(",").map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== "")
    .map((entry) => {
      const at = entry.lastIndexOf("=");
      return { entry, name: entry.slice(0, Math.max(0, at)).trim(), rule: parseKeepAlive(entry.slice(at + 1).trim()) };
    });
}
