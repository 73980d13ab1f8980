/** What a sandbox's CPU limits mean to the kernel, before either version of cgroups words it. */
import type { SandboxLimits } from "../contract.ts";

/** Length of the window that a ceiling is counted in: the kernel's default. */
export const cpuPeriodUs = 100_000;

/** The kernel takes no less. */
const quotaUsMin = 1000;

/** A vCPU, in thousandths: what weighs as much as an ordinary process of the host. */
const oneCpuMilli = 1000;

export interface CpuPlan {
  /** Weight under contention, in thousandths of a vCPU. */
  readonly weightMilli: number;
  /** CPU time in each period; undefined leaves it open. */
  readonly quotaUs: number | undefined;
}

export function cpuPlan({ cpuMode, cpuMilli }: SandboxLimits): CpuPlan {
  if (cpuMode === "unlimited") return { weightMilli: Math.max(oneCpuMilli, cpuMilli), quotaUs: undefined };
  if (cpuMode === "share") return { weightMilli: cpuMilli, quotaUs: undefined };
  const quotaUs = Math.max(quotaUsMin, Math.round((cpuMilli * cpuPeriodUs) / oneCpuMilli));
  return { weightMilli: cpuMilli, quotaUs };
}
