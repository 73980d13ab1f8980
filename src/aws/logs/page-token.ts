/**
 * Tokens by which a client goes on where the last answer ended. They carry the place itself, so that they outlive a
 * restart and cost no memory.
 */
import { invalidParameter } from "./names.ts";

export type Direction = "forward" | "backward";

/** A place between events: forwards what comes after `position`, backwards what comes before it. */
export interface EventCursor {
  readonly direction: Direction;
  readonly position: number;
}

/** As AWS writes them: 56 digits, so that they also sort as text. */
const digits = 56;

export function eventToken({ direction, position }: EventCursor): string {
  return `${direction === "forward" ? "f" : "b"}/${String(position).padStart(digits, "0")}/s`;
}

export function parseEventToken(token: string): EventCursor {
  const [, direction, position] = /^([fb])\/(\d{56})\/s$/.exec(token) ?? [];
  const value = Number(position);
  if (!Number.isSafeInteger(value)) throw invalidParameter("The specified nextToken is invalid.");
  return { direction: direction === "f" ? "forward" : "backward", position: value };
}

/** The event's id within its group; ids of one group sort by time, then by arrival. */
export function eventId(timestampMs: number, position: number): string {
  return String(timestampMs).padStart(16, "0") + String(position).padStart(digits - 16, "0");
}

/** A place in a list: the sort key of the last item that was returned. */
function listToken(sortKey: string): string {
  return Buffer.from(sortKey).toString("base64url");
}

function parseListToken(token: string): string {
  if (!/^[\w-]+$/.test(token)) throw invalidParameter("The specified nextToken is invalid.");
  return Buffer.from(token, "base64url").toString();
}

/** One page of items whose sort keys rise (or fall), after the place that `token` stands for. */
export function pageOf<T>(
  items: readonly T[],
  options: {
    readonly sortKeyOf: (item: T) => string;
    readonly descending?: boolean;
    readonly token: string | undefined;
    readonly limit: number;
  },
): { readonly page: T[]; readonly nextToken: string | undefined } {
  const { sortKeyOf, descending = false, token, limit } = options;
  const sign = descending ? -1 : 1;
  const sorted = items
    .map((item) => ({ item, sortKey: sortKeyOf(item) }))
    .toSorted((a, b) => sign * compareText(a.sortKey, b.sortKey));
  const after = token === undefined ? undefined : parseListToken(token);
  const rest = after === undefined ? sorted : sorted.filter(({ sortKey }) => sign * compareText(sortKey, after) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    page: page.map(({ item }) => item),
    nextToken: last !== undefined && rest.length > page.length ? listToken(last.sortKey) : undefined,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
