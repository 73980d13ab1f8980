/**
 * Pages of IAM's lists: `Marker` names the place after the last item, so that it outlives a restart and costs no memory.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
 */
import { validationError } from "../../control-plane/iam/refusals.ts";

/** What AWS returns when nobody asks for less. */
const defaultItemsMax = 100;

export interface PageRequest {
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

export interface PageMarks {
  readonly IsTruncated: boolean;
  readonly Marker?: string;
}

/** `keyOf` gives each item a text of its own; items are answered in the order of these, by UTF-16 unit. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { Marker, MaxItems = defaultItemsMax }: PageRequest,
): { readonly page: readonly T[]; readonly marks: PageMarks } {
  const after = Marker === undefined ? undefined : parseMarker(Marker);
  const rest = items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => after === undefined || key > after)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const page = rest.slice(0, MaxItems);
  const last = page.at(-1);
  const marks: PageMarks =
    last !== undefined && rest.length > page.length
      ? { IsTruncated: true, Marker: Buffer.from(last.key).toString("base64url") }
      : { IsTruncated: false };
  return { page: page.map(({ item }) => item), marks };
}

function parseMarker(marker: string): string {
  if (!/^[\w-]+$/.test(marker)) throw validationError("Invalid Marker.");
  return Buffer.from(marker, "base64url").toString();
}
