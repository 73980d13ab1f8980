/**
 * PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy: a whole resource policy at once, by ARN.
 * https://docs.aws.amazon.com/lambda/latest/api/API_PutResourcePolicy.html
 */
import type {
  DeleteResourcePolicyRequest,
  GetResourcePolicyRequest,
  GetResourcePolicyResponse,
  PutResourcePolicyRequest,
  PutResourcePolicyResponse,
} from "@aws-sdk/client-lambda";
import { parseFunctionArn } from "../../core/arn.ts";
import { functionArn, latestVersion } from "../../core/function-record.ts";
import type { FoundPolicy, PolicyTarget } from "../../control-plane/policies/function-policies.ts";
import { parsePolicy } from "../../control-plane/policies/parse-policy.ts";
import { renderPolicy } from "../../control-plane/policies/policy-document.ts";
import { noPolicyToRead } from "../../control-plane/policies/refusals.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter, validationError } from "./refusals.ts";

/** As AWS prints it. */
const arnPattern =
  "arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:function:" +
  "[a-zA-Z0-9-_]+(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_])+)?";

export function putResourcePolicy({
  policies,
}: LambdaServices): Handler<PutResourcePolicyRequest, PutResourcePolicyResponse> {
  return async (request, context) => {
    const target = targetOf(context, "PutResourcePolicy", request.ResourceArn);
    const document = parsePolicy(request.Policy ?? "", functionArn(target.scope, target.name));
    return show(await policies.put(target, document, request.RevisionId));
  };
}

export function getResourcePolicy({
  policies,
}: LambdaServices): Handler<GetResourcePolicyRequest, GetResourcePolicyResponse> {
  return async (request, context) => {
    const found = await policies.find(targetOf(context, "GetResourcePolicy", request.ResourceArn));
    if (found === undefined) throw noPolicyToRead();
    return show(found);
  };
}

export function deleteResourcePolicy({
  policies,
}: LambdaServices): Handler<DeleteResourcePolicyRequest, Record<string, never>> {
  return async (request, context) => {
    await policies.delete(targetOf(context, "DeleteResourcePolicy", request.ResourceArn), request.RevisionId);
    return {};
  };
}

function show({ document, revisionId }: FoundPolicy): PutResourcePolicyResponse {
  return { Policy: renderPolicy(document), RevisionId: revisionId };
}

function targetOf(context: CallContext, operation: string, resource = ""): PolicyTarget {
  if (parseFunctionArn(resource) === undefined) {
    throw validationError(resource, "resourceArn", `Member must satisfy regular expression pattern: ${arnPattern}`);
  }
  const reference = functionNamed(context, operation, resource);
  if (reference.qualifier === latestVersion) {
    throw invalidParameter("We currently do not support adding policies for $LATEST.");
  }
  return { scope: context.scope, ...reference };
}
