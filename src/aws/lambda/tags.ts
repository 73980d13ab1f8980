/** Tags of functions. https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html */
import type {
  ListTagsRequest,
  ListTagsResponse,
  TagResourceRequest,
  UntagResourceRequest,
} from "@aws-sdk/client-lambda";
import { parseFunctionArn, type FunctionName } from "../../core/arn.ts";
import { ApiError } from "../../core/errors.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter } from "./refusals.ts";

/** What AWS says when it finds none of a kind; there are none of these here. */
const otherKinds: Readonly<Record<string, (arn: string) => ApiError>> = {
  "event-source-mapping": (arn) => new ApiError("ResourceNotFoundException", `Event source mapping not found: ${arn}`),
  "capacity-provider": (arn) => new ApiError("ResourceNotFoundException", `Capacity provider not found: ${arn}`),
  "code-signing-config": (arn) =>
    new ApiError(
      "ResourceNotFoundException",
      `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
    ),
};

export function listTags({ functions }: LambdaServices): Handler<ListTagsRequest, ListTagsResponse> {
  return async (request, context) => {
    const { tags } = await functions.get(context.scope, taggedFunction(context, "ListTags", request.Resource));
    return { Tags: { ...tags } };
  };
}

export function tagResource({ functions }: LambdaServices): Handler<TagResourceRequest, Record<string, never>> {
  return async (request, context) => {
    const name = taggedFunction(context, "TagResource", request.Resource);
    const set = request.Tags ?? {};
    if (Object.keys(set).length === 0) {
      throw invalidParameter("An error occurred and the request cannot be processed.");
    }
    await functions.changeTags(context.scope, name, { set });
    return {};
  };
}

export function untagResource({ functions }: LambdaServices): Handler<UntagResourceRequest, Record<string, never>> {
  return async (request, context) => {
    const name = taggedFunction(context, "UntagResource", request.Resource);
    await functions.changeTags(context.scope, name, { remove: request.TagKeys ?? [] });
    return {};
  };
}

function taggedFunction(context: CallContext, operation: string, resource = ""): FunctionName {
  const arn = parseFunctionArn(resource);
  if (arn === undefined) {
    const kind = resource.split(":")[5] ?? "";
    throw otherKinds[kind]?.(resource) ?? new ApiError("ResourceNotFoundException", `Resource not found: ${resource}`);
  }
  if (arn.qualifier !== undefined) {
    throw invalidParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.");
  }
  return functionNamed(context, operation, resource).name;
}
