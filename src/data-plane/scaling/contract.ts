/**
 * What others may ask about provisioned concurrency. That it is wanted stands in the records; how far it has come is
 * known only here, where the environments are, and is not written down: after a restart there are none, and they are
 * started again.
 */
import type { ProvisionedConcurrencyRecord } from "../../core/function-record.ts";

export interface ProvisioningStatus {
  readonly status: "IN_PROGRESS" | "READY" | "FAILED";
  /** Why it has failed. */
  readonly reason?: string;
  /** Environments that are set aside for it. */
  readonly allocated: number;
  /** Those of them that are initialised. */
  readonly available: number;
}

export interface Provisioning {
  /** How far a configuration has come; one that is not known yet, or was changed just now, is in progress. */
  status(functionArn: string, record: ProvisionedConcurrencyRecord): ProvisioningStatus;
}
