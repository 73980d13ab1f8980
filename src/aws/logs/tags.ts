/**
 * Tags of log groups, by the group's name (the older operations) and by its ARN.
 */
import type {
  ListTagsForResourceCommandInput,
  ListTagsLogGroupCommandInput,
  TagLogGroupCommandInput,
  TagResourceCommandInput,
  UntagLogGroupCommandInput,
  UntagResourceCommandInput,
} from "@aws-sdk/client-cloudwatch-logs";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { LogStore } from "../../telemetry/log-store.ts";
import type { CallContext, Handlers } from "../service.ts";
import { nameFromArn, noSuchGroup, required, requireGroup } from "./names.ts";

type Tags = Readonly<Record<string, string>>;

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html */
const tagsMax = 50;

export function tagHandlers(logs: LogStore): Handlers {
  const list = async (scope: Scope, name: string): Promise<{ readonly tags: Tags }> => {
    const { tags } = await requireGroup(logs, scope, name);
    return { tags };
  };
  const change = async (scope: Scope, name: string, edit: (tags: Tags) => Tags): Promise<object> => {
    const isThere = await logs.updateGroup(scope, name, (record) => {
      const tags = edit(record.tags);
      if (Object.keys(tags).length > tagsMax) {
        throw new ApiError("TooManyTagsException", `A resource can have no more than ${tagsMax} tags.`);
      }
      return { ...record, tags };
    });
    if (!isThere) throw noSuchGroup();
    return {};
  };

  return {
    ListTagsLogGroup: (input: ListTagsLogGroupCommandInput, { scope }: CallContext) => list(scope, named(input)),
    TagLogGroup: (input: TagLogGroupCommandInput, { scope }: CallContext) =>
      change(scope, named(input), adding(required(input.tags, "tags"))),
    UntagLogGroup: (input: UntagLogGroupCommandInput, { scope }: CallContext) =>
      change(scope, named(input), removing(required(input.tags, "tags"))),
    ListTagsForResource: (input: ListTagsForResourceCommandInput, { scope }: CallContext) =>
      list(scope, byArn(scope, input)),
    TagResource: (input: TagResourceCommandInput, { scope }: CallContext) =>
      change(scope, byArn(scope, input), adding(required(input.tags, "tags"))),
    UntagResource: (input: UntagResourceCommandInput, { scope }: CallContext) =>
      change(scope, byArn(scope, input), removing(required(input.tagKeys, "tagKeys"))),
  };
}

function named(input: { readonly logGroupName: string | undefined }): string {
  return required(input.logGroupName, "logGroupName");
}

function byArn(scope: Scope, input: { readonly resourceArn: string | undefined }): string {
  return nameFromArn(scope, required(input.resourceArn, "resourceArn"));
}

function adding(added: Tags): (tags: Tags) => Tags {
  return (tags) => ({ ...tags, ...added });
}

function removing(keys: readonly string[]): (tags: Tags) => Tags {
  return (tags) => Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)));
}
