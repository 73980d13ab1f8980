/**
 * Tags of functions, event source mappings and code signing configurations, by ARN.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
 */
import type {
  ListTagsRequest,
  ListTagsResponse,
  TagResourceRequest,
  UntagResourceRequest,
} from "@aws-sdk/client-lambda";
import { parseFunctionArn, type FunctionName } from "../../core/arn.ts";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import { requireTags, type TagChange, type TaggedResources, type Tags } from "../../control-plane/tags.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter } from "./refusals.ts";

export function listTags(services: LambdaServices): Handler<ListTagsRequest, ListTagsResponse> {
  return async (request, context) => {
    const tags = await resourceNamed(services, context, "ListTags", request.Resource).tags();
    return { Tags: { ...tags } };
  };
}

export function tagResource(services: LambdaServices): Handler<TagResourceRequest, Record<string, never>> {
  return async (request, context) => {
    const resource = resourceNamed(services, context, "TagResource", request.Resource);
    const set = request.Tags ?? {};
    if (Object.keys(set).length === 0) {
      throw invalidParameter("An error occurred and the request cannot be processed.");
    }
    requireTags(set);
    await resource.change({ set });
    return {};
  };
}

export function untagResource(services: LambdaServices): Handler<UntagResourceRequest, Record<string, never>> {
  return async (request, context) => {
    const resource = resourceNamed(services, context, "UntagResource", request.Resource);
    await resource.change({ remove: request.TagKeys ?? [] });
    return {};
  };
}

interface TaggedResource {
  tags(): Promise<Tags>;
  change(change: TagChange): Promise<void>;
}

/** What an ARN names, by the kind in it. */
function resourceNamed(
  { functions, codeSigning, eventSourceMappings }: LambdaServices,
  context: CallContext,
  operation: string,
  arn = "",
): TaggedResource {
  const { scope } = context;
  switch (arn.split(":")[5]) {
    case "function": {
      const name = taggedFunction(context, operation, arn);
      return {
        tags: async () => (await functions.get(scope, name)).tags,
        change: (change) => functions.changeTags(scope, name, change),
      };
    }
    case "code-signing-config":
      return resourceOf(codeSigning, scope, arn);
    case "event-source-mapping":
      return resourceOf(eventSourceMappings, scope, arn);
    case "capacity-provider":
      throw notFound(`Capacity provider not found: ${arn}`);
    default:
      throw notFound(`Resource not found: ${arn}`);
  }
}

function resourceOf(resources: TaggedResources, scope: Scope, arn: string): TaggedResource {
  return {
    tags: () => resources.tagsOf(scope, arn),
    change: (change) => resources.changeTags(scope, arn, change),
  };
}

function taggedFunction(context: CallContext, operation: string, arn: string): FunctionName {
  if (parseFunctionArn(arn)?.qualifier !== undefined) {
    throw invalidParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.");
  }
  return functionNamed(context, operation, arn).name;
}

function notFound(message: string): ApiError {
  return new ApiError("ResourceNotFoundException", message);
}
