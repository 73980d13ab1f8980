/**
 * Tags of IAM's entities. Keys of a role's tags are not told apart by case, those of policies and instance profiles are.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
 */
import { invalidInput, quotaExceeded, quotas } from "./refusals.ts";
import type { Tag } from "./records.ts";

export interface TagRules {
  readonly quota: "TagsPerRole" | "TagsPerPolicy" | "TagsPerInstanceProfile";
  readonly ignoresCase: boolean;
}

export const roleTagRules: TagRules = { quota: "TagsPerRole", ignoresCase: true };
export const policyTagRules: TagRules = { quota: "TagsPerPolicy", ignoresCase: false };
export const instanceProfileTagRules: TagRules = { quota: "TagsPerInstanceProfile", ignoresCase: false };

/** Sets `added` among `tags`, each in its place when the key is there. Throws AWS's refusals. */
export function withTags(tags: readonly Tag[], added: readonly Tag[], rules: TagRules): readonly Tag[] {
  const same = (key: string): string => (rules.ignoresCase ? key.toLowerCase() : key);
  if (new Set(added.map(({ key }) => same(key))).size < added.length) {
    const note = rules.ignoresCase ? " Please note that Tag keys are case insensitive." : "";
    throw invalidInput(`Duplicate tag keys found.${note}`);
  }
  const byKey = new Map(tags.map((tag) => [same(tag.key), tag]));
  for (const tag of added) byKey.set(same(tag.key), tag);
  if (byKey.size > quotas[rules.quota]) throw quotaExceeded(rules.quota);
  return [...byKey.values()];
}

export function withoutTags(tags: readonly Tag[], keys: readonly string[], rules: TagRules): readonly Tag[] {
  const same = (key: string): string => (rules.ignoresCase ? key.toLowerCase() : key);
  const gone = new Set(keys.map(same));
  return tags.filter(({ key }) => !gone.has(same(key)));
}
