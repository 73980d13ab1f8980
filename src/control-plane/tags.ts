/**
 * Tags of any resource: what may be one, and how many there may be. Those of a function, a mapping and a code signing
 * configuration obey the same rules. https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
 */
import { ApiError } from "../core/errors.ts";
import type { Scope } from "../core/identity.ts";
import { tagsMax, tooManyTags } from "./functions/refusals.ts";

export type Tags = Readonly<Record<string, string>>;

export interface TagChange {
  readonly set?: Tags;
  readonly remove?: readonly string[];
}

/** The resources of one kind, by ARNs of the caller's account and region. Both throw ResourceNotFoundException. */
export interface TaggedResources {
  tagsOf(scope: Scope, arn: string): Promise<Tags>;
  /** Sets and removes in one step. */
  changeTags(scope: Scope, arn: string, change: TagChange): Promise<void>;
}

const keyLengthMax = 128;
const valueLengthMax = 256;

/** Throws when there are too many, or when one cannot be a tag. */
export function requireTags(tags: Tags): void {
  const keys = Object.keys(tags);
  if (keys.some((key) => key.length < 1 || key.length > keyLengthMax)) {
    throw breach(tags, "Map keys", `${keyLengthMax}, Member must have length greater than or equal to 1`);
  }
  if (Object.values(tags).some((value) => value.length > valueLengthMax)) {
    throw breach(tags, "Map value", `${valueLengthMax}, Member must have length greater than or equal to 0`);
  }
  if (keys.some((key) => key.toLowerCase().startsWith("aws:"))) {
    throw new ApiError(
      "InvalidParameterValueException",
      "aws: prefixed tag key names are not allowed for external use.",
    );
  }
  if (keys.length > tagsMax) throw tooManyTags();
}

/** The tags after a change. Throws as `requireTags` does. */
export function retagged(tags: Tags, { set = {}, remove = [] }: TagChange): Tags {
  requireTags(set);
  const removed = new Set(remove);
  const changed = Object.fromEntries(Object.entries({ ...tags, ...set }).filter(([key]) => !removed.has(key)));
  if (Object.keys(changed).length > tagsMax) throw tooManyTags();
  return changed;
}

/** As AWS words a breach of its service model. */
function breach(tags: Tags, what: string, lengths: string): ApiError {
  const printed = Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
  return new ApiError(
    "ValidationException",
    `1 validation error detected: Value '{${printed}}' at 'tags' failed to satisfy constraint: ` +
      `${what} must satisfy constraint: [Member must have length less than or equal to ${lengths}]`,
  );
}
