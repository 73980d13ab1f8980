/** Markers of paged lists: the place after which the next page begins, opaque to callers. */
import { invalidParameter } from "./refusals.ts";

/** Longer than any name, ARN or id, in characters; a place is part of a key, which has its bound too. */
const placeLengthMax = 512;

export function markerAt(place: string): string {
  return Buffer.from(place).toString("base64url");
}

/** Throws InvalidParameterValueException for what no list has handed out. */
export function placeOfMarker(marker: string): string {
  const place = Buffer.from(marker, "base64url").toString("utf8");
  const isPlace = place !== "" && place.length <= placeLengthMax && markerAt(place) === marker;
  if (!isPlace) throw invalidParameter("The Marker is invalid.");
  return place;
}

/** A page and the marker of the next one, from one item more than the page holds. */
export function pageOf<T>(
  items: readonly T[],
  limit: number,
  placeOf: (item: T) => string,
): { readonly shown: readonly T[]; readonly next: { readonly NextMarker?: string } } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const next = items.length > limit && last !== undefined ? { NextMarker: markerAt(placeOf(last)) } : {};
  return { shown, next };
}
