/**
 * Recursive loops: the trace header that goes round with a chain of events counts how often each function has been
 * invoked in it. A function's 17th turn is refused, unless its owner allows loops.
 *
 * The header's field is `Lineage=<invocations so far>:<function>:<turns before>`, with `|` between several functions, each
 * of them named by the first 8 hex digits of a hash of its ARN; SDKs inside functions pass it on as it is.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
 */
import { createHash } from "node:crypto";

/** Invocations of one function in one chain. */
export const turnsMax = 16;
/** Functions that a lineage remembers; in longer chains the first are forgotten, and found again one round later. */
const functionsMax = 16;
/** Headers beyond this are not looked into. */
const headerLengthMax = 2048;

/** Unqualified. */
export type LineageId = string;

export interface Lineage {
  /** This invocation's own field, for the header that the function sees. */
  readonly field: string;
  /** The function has had all its turns. */
  readonly isLoop: boolean;
}

export function lineageIdOf(functionArn: string): LineageId {
  return createHash("sha256").update(functionArn).digest("hex").slice(0, 8);
}

/** The lineage of an invocation of `id` that came with the header `given`. Whatever is malformed begins anew. */
export function lineageOf(given: string | undefined, id: LineageId): Lineage {
  const { total, turns } = parsed(given);
  const now = turnsIn(turns, id);
  turns.delete(id);
  turns.set(id, now);
  const kept = [...turns].slice(-functionsMax);
  return {
    field: `Lineage=${total + 1}:${kept.map(([each, count]) => `${each}:${count}`).join("|")}`,
    isLoop: now >= turnsMax,
  };
}

/** Turns that the function has had in the chain that came with the header `given`; from `turnsMax` on it is a loop. */
export function turnsOf(given: string | undefined, id: LineageId): number {
  return turnsIn(parsed(given).turns, id);
}

function turnsIn(turns: ReadonlyMap<LineageId, number>, id: LineageId): number {
  const before = turns.get(id);
  return before === undefined ? 0 : before + 1;
}

/** The header with this lineage instead of any other. */
export function withLineage(header: string, { field }: Lineage): string {
  const fields = header.split(";").filter((each) => each !== "" && !each.trimStart().startsWith("Lineage="));
  return [...fields, field].join(";");
}

function parsed(given: string | undefined): { readonly total: number; readonly turns: Map<LineageId, number> } {
  const turns = new Map<LineageId, number>();
  if (given === undefined || given.length > headerLengthMax) return { total: 0, turns };
  const [, total = "0", list = ""] = /(?:^|;)\s*Lineage=(?:(\d{1,9}):)?([0-9a-f:|]+)/.exec(given) ?? [];
  for (const each of list.split("|")) {
    const [, id, count] = /^([0-9a-f]{8}):(\d{1,9})$/.exec(each) ?? [];
    if (id !== undefined) turns.set(id, Number(count));
  }
  return { total: Number(total), turns };
}
