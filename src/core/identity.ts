/**
 * Who calls, and where: the account and region that every key and ARN starts with.
 * An access key of 12 digits is its own account; every other key belongs to the default one.
 */
export interface Scope {
  /** 12 digits. */
  readonly account: string;
  /** An AWS region name such as `us-east-1`; any well-formed one is accepted. */
  readonly region: string;
}

export const defaultAccount = "000000000000";
export const defaultRegion = "us-east-1";

export function accountOfAccessKey(accessKeyId: string): string {
  return /^\d{12}$/.test(accessKeyId) ? accessKeyId : defaultAccount;
}
