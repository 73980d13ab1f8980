/**
 * AddPermission, RemovePermission and GetPolicy: the resource policy of a function, a version or an alias.
 * https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
 */
import type {
  AddPermissionRequest,
  AddPermissionResponse,
  GetPolicyRequest,
  GetPolicyResponse,
  RemovePermissionRequest,
} from "@aws-sdk/client-lambda";
import { functionArn, latestVersion } from "../../core/function-record.ts";
import { ApiError } from "../../core/errors.ts";
import type { PolicyTarget } from "../../control-plane/policies/function-policies.ts";
import { renderPolicy } from "../../control-plane/policies/policy-document.ts";
import { noPolicyToChange, noPolicyToRead } from "../../control-plane/policies/refusals.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter } from "./refusals.ts";

export function addPermission({ policies }: LambdaServices): Handler<AddPermissionRequest, AddPermissionResponse> {
  return async (request, context) => {
    const target = targetOf(context, "AddPermission", request, () =>
      invalidParameter("We currently do not support adding policies for $LATEST."),
    );
    const action = request.Action ?? "";
    if (request.FunctionUrlAuthType !== undefined && action !== "lambda:InvokeFunctionUrl") {
      throw invalidParameter("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action");
    }
    const permission = {
      statementId: request.StatementId ?? "",
      action,
      principal: request.Principal ?? "",
      sourceArn: request.SourceArn,
      sourceAccount: request.SourceAccount,
      eventSourceToken: request.EventSourceToken,
      organizationId: request.PrincipalOrgID,
      functionUrlAuthType: request.FunctionUrlAuthType,
      invokedViaFunctionUrl: request.InvokedViaFunctionUrl,
    };
    return { Statement: JSON.stringify(await policies.add(target, permission, request.RevisionId)) };
  };
}

export function removePermission({
  functions,
  policies,
}: LambdaServices): Handler<RemovePermissionRequest, Record<string, never>> {
  return async (request, context) => {
    const target = targetOf(context, "RemovePermission", request, noPolicyToChange);
    const { scope, name } = target;
    if ((await functions.find(scope, name)) === undefined) {
      throw new ApiError("ResourceNotFoundException", `No policy found for: ${functionArn(scope, name)}`);
    }
    await policies.remove(target, request.StatementId ?? "", request.RevisionId);
    return {};
  };
}

export function getPolicy({ policies }: LambdaServices): Handler<GetPolicyRequest, GetPolicyResponse> {
  return async (request, context) => {
    const found = await policies.find(targetOf(context, "GetPolicy", request, noPolicyToRead));
    if (found === undefined) throw noPolicyToRead();
    return { Policy: renderPolicy(found.document), RevisionId: found.revisionId };
  };
}

/** `$LATEST` has no policy of its own: what is unqualified is about the function. */
function targetOf(
  context: CallContext,
  operation: string,
  request: GetPolicyRequest,
  refuseLatest: () => ApiError,
): PolicyTarget {
  const reference = functionNamed(context, operation, request.FunctionName, request.Qualifier);
  if (reference.qualifier === latestVersion) throw refuseLatest();
  return { scope: context.scope, ...reference };
}
