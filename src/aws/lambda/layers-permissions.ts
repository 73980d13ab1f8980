/**
 * AddLayerVersionPermission, RemoveLayerVersionPermission and GetLayerVersionPolicy: who else may have a layer version.
 * Differs from AWS: there are no organizations here, so that what is granted to one is kept and shown, and grants nobody.
 * https://docs.aws.amazon.com/lambda/latest/dg/permissions-layer-cross-account.html
 */
import type {
  AddLayerVersionPermissionRequest,
  AddLayerVersionPermissionResponse,
  GetLayerVersionPolicyRequest,
  GetLayerVersionPolicyResponse,
  RemoveLayerVersionPermissionRequest,
} from "@aws-sdk/client-lambda";
import { renderPolicy } from "../../control-plane/policies/policy-document.ts";
import type { Handler } from "../service.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { layerVersionNamed } from "./layers.ts";

export function addLayerVersionPermission({
  functions,
}: LambdaServices): Handler<AddLayerVersionPermissionRequest, AddLayerVersionPermissionResponse> {
  return async (request, context) => {
    const permission = {
      statementId: request.StatementId ?? "",
      action: request.Action ?? "",
      principal: request.Principal ?? "",
      organizationId: request.OrganizationId,
    };
    const { statement, revisionId } = await functions.layers.addPermission(
      context.scope,
      layerVersionNamed(request, context),
      permission,
      request.RevisionId,
    );
    return { Statement: JSON.stringify(statement), RevisionId: revisionId };
  };
}

export function removeLayerVersionPermission({
  functions,
}: LambdaServices): Handler<RemoveLayerVersionPermissionRequest, Record<string, never>> {
  return async (request, context) => {
    const reference = layerVersionNamed(request, context);
    const { StatementId = "", RevisionId } = request;
    await functions.layers.removePermission(context.scope, reference, StatementId, RevisionId);
    return {};
  };
}

export function getLayerVersionPolicy({
  functions,
}: LambdaServices): Handler<GetLayerVersionPolicyRequest, GetLayerVersionPolicyResponse> {
  return async (request, context) => {
    const { document, revisionId } = await functions.layers.policy(context.scope, layerVersionNamed(request, context));
    return { Policy: renderPolicy(document), RevisionId: revisionId };
  };
}
