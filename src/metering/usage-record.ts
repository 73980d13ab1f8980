/**
 * What one invocation used: data for accounts of cost and of time, one record per invocation that ran.
 */
export interface UsageRecord {
  readonly account: string;
  readonly region: string;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly requestId: string;
  readonly environmentId: string;
  /** When the environment took it; wall clock. */
  readonly startedAtMs: number;
  /** It waited until an environment had started. */
  readonly cold: boolean;
  /** The environment was provisioned. */
  readonly provisioned?: true;
  /** Waiting for admission and an environment. */
  readonly queueMs: number;
  /** Of the environment's start; on its first invocation, even one that did not have to wait for it. */
  readonly phases?: {
    readonly sandboxMs: number;
    readonly codeMs: number;
    readonly runtimeMs: number;
    readonly initMs: number;
    readonly pooled: boolean;
  };
  readonly handlerMs: number;
  readonly billedMs: number;
  /** As in the REPORT line. */
  readonly initDurationMs?: number;
  readonly memorySizeMiB: number;
  readonly maxMemoryUsedMiB: number;
  readonly status: "success" | "error" | "timeout";
  readonly errorType?: string;
}
