/**
 * What one configuration wants of its function's versions, and what it still has from before it moved. Pure functions.
 */
import type { AliasRecord, ProvisionedConcurrencyRecord } from "../../core/function-record.ts";
import { sharesOf, surplusOf, totalOf, type Shares } from "./provisioning-plan.ts";

/** A configuration, and the alias that it is about if it is about one. */
export interface WishRecord {
  readonly record: ProvisionedConcurrencyRecord;
  readonly alias: AliasRecord | undefined;
}

export interface Wish extends WishRecord {
  readonly shares: Shares;
  /** What other versions keep for it until `shares` are ready. */
  held: Shares;
}

/** Versions that cannot be invoked have no part. `before` is what the configuration wanted until now. */
export function wishOf(
  { record, alias }: WishRecord,
  isLive: (version: string) => boolean,
  before: Wish | undefined,
): Wish {
  const shares = new Map([...sharesOf(record, alias)].filter(([version]) => isLive(version)));
  return { record, alias, shares, held: before === undefined ? new Map() : heldOf(before, shares) };
}

/** Whether both want the same, and were asked for at the same time. */
export function isSame(wish: Wish, before: Wish | undefined): boolean {
  if (before === undefined || before.record.lastModifiedMs !== wish.record.lastModifiedMs) return false;
  return surplusOf(wish.shares, before.shares).size === 0 && surplusOf(before.shares, wish.shares).size === 0;
}

/** Less of the same is no move: then nothing has to take the place of what goes. */
function heldOf(before: Wish, shares: Shares): Shares {
  const hasMoved = surplusOf(shares, before.shares).size > 0;
  if (hasMoved) return surplusOf(totalOf([before.shares, before.held]), shares);
  return surplusOf(before.shares, shares).size === 0 ? before.held : new Map();
}
