/** Get and PutRuntimeManagementConfig. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html */
import type {
  GetRuntimeManagementConfigRequest,
  GetRuntimeManagementConfigResponse,
  PutRuntimeManagementConfigRequest,
  PutRuntimeManagementConfigResponse,
} from "@aws-sdk/client-lambda";
import { functionArn, latestVersion, type RuntimeManagementRecord } from "../../core/function-record.ts";
import { invariant } from "../../core/invariant.ts";
import type { Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter } from "./refusals.ts";

export function putRuntimeManagementConfig({
  runtimeManagement,
}: LambdaServices): Handler<PutRuntimeManagementConfigRequest, PutRuntimeManagementConfigResponse> {
  return async (request, context) => {
    const { scope } = context;
    const { FunctionName, Qualifier } = request;
    const named = functionNamed(context, "PutRuntimeManagementConfig", FunctionName, Qualifier);
    const { name, qualifier = latestVersion } = named;
    const record = await runtimeManagement.put({ scope, name, qualifier }, recordOf(request));
    return { FunctionArn: functionArn(scope, name, qualifier), ...show(record) };
  };
}

export function getRuntimeManagementConfig({
  runtimeManagement,
}: LambdaServices): Handler<GetRuntimeManagementConfigRequest, GetRuntimeManagementConfigResponse> {
  return async ({ FunctionName, Qualifier }, context) => {
    const { scope } = context;
    const named = functionNamed(context, "GetRuntimeManagementConfig", FunctionName, Qualifier);
    const { name, qualifier = latestVersion } = named;
    const record = await runtimeManagement.get({ scope, name, qualifier });
    return { FunctionArn: functionArn(scope, name, qualifier), ...show(record) };
  };
}

function recordOf(request: PutRuntimeManagementConfigRequest): RuntimeManagementRecord {
  const { UpdateRuntimeOn: updateRuntimeOn, RuntimeVersionArn: runtimeVersionArn } = request;
  invariant(updateRuntimeOn !== undefined, "the wire takes no runtime management without its mode");
  if (updateRuntimeOn === "Manual") {
    if (runtimeVersionArn !== undefined) return { updateRuntimeOn, runtimeVersionArn };
    throw invalidParameter("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.");
  }
  if (runtimeVersionArn === undefined) return { updateRuntimeOn };
  throw invalidParameter(`RuntimeVersionArn is only allowed when UpdateRuntimeOn is Manual, not ${updateRuntimeOn}.`);
}

function show(
  record: RuntimeManagementRecord,
): Pick<PutRuntimeManagementConfigResponse, "UpdateRuntimeOn" | "RuntimeVersionArn"> {
  return record.updateRuntimeOn === "Manual"
    ? { UpdateRuntimeOn: record.updateRuntimeOn, RuntimeVersionArn: record.runtimeVersionArn }
    : { UpdateRuntimeOn: record.updateRuntimeOn };
}
