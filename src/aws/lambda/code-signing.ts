/**
 * Code signing configurations, and which functions obey which.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
 */
import type {
  CodeSigningConfig,
  CreateCodeSigningConfigRequest,
  CreateCodeSigningConfigResponse,
  DeleteCodeSigningConfigRequest,
  DeleteFunctionCodeSigningConfigRequest,
  GetCodeSigningConfigRequest,
  GetCodeSigningConfigResponse,
  GetFunctionCodeSigningConfigRequest,
  ListCodeSigningConfigsRequest,
  ListCodeSigningConfigsResponse,
  ListFunctionsByCodeSigningConfigRequest,
  ListFunctionsByCodeSigningConfigResponse,
  PutFunctionCodeSigningConfigRequest,
  PutFunctionCodeSigningConfigResponse,
  UpdateCodeSigningConfigRequest,
  UpdateCodeSigningConfigResponse,
} from "@aws-sdk/client-lambda";
import { functionArn } from "../../core/function-record.ts";
import type { CodeSigningSettings } from "../../control-plane/code-signing/code-signing.ts";
import type { CodeSigningConfigRecord } from "../../control-plane/code-signing/config-record.ts";
import type { Handler } from "../service.ts";
import { showTime } from "./show-time.ts";
import { unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";

/** Items in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

export function createCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<CreateCodeSigningConfigRequest, CreateCodeSigningConfigResponse> {
  return async (request, { scope }) => ({
    CodeSigningConfig: show(await codeSigning.create(scope, settingsOf(request), request.Tags ?? {})),
  });
}

export function getCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<GetCodeSigningConfigRequest, GetCodeSigningConfigResponse> {
  return async (request, { scope }) => ({
    CodeSigningConfig: show(await codeSigning.get(scope, request.CodeSigningConfigArn ?? "")),
  });
}

export function updateCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<UpdateCodeSigningConfigRequest, UpdateCodeSigningConfigResponse> {
  return async (request, { scope }) => {
    const arn = request.CodeSigningConfigArn ?? "";
    return { CodeSigningConfig: show(await codeSigning.update(scope, arn, settingsOf(request))) };
  };
}

export function deleteCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<DeleteCodeSigningConfigRequest, Record<string, never>> {
  return async (request, { scope }) => {
    await codeSigning.delete(scope, request.CodeSigningConfigArn ?? "");
    return {};
  };
}

export function listCodeSigningConfigs({
  codeSigning,
}: LambdaServices): Handler<ListCodeSigningConfigsRequest, ListCodeSigningConfigsResponse> {
  return async ({ Marker, MaxItems }, { scope }) => {
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const configs = await codeSigning.list(scope, pageAfter(Marker, limit));
    const { shown, next } = pageOf(configs, limit, ({ id }) => id);
    return { CodeSigningConfigs: shown.map(show), ...next };
  };
}

export function listFunctionsByCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<ListFunctionsByCodeSigningConfigRequest, ListFunctionsByCodeSigningConfigResponse> {
  return async ({ CodeSigningConfigArn = "", Marker, MaxItems }, { scope }) => {
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    await codeSigning.get(scope, CodeSigningConfigArn);
    const users = await codeSigning.functionsUsing(scope, CodeSigningConfigArn, pageAfter(Marker, limit));
    const { shown, next } = pageOf(users, limit, ({ name }) => name);
    return { FunctionArns: shown.map(({ name }) => functionArn(scope, name)), ...next };
  };
}

export function putFunctionCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<PutFunctionCodeSigningConfigRequest, PutFunctionCodeSigningConfigResponse> {
  return async ({ CodeSigningConfigArn = "", FunctionName }, context) => {
    const name = unqualifiedFunctionNamed(context, "PutFunctionCodeSigningConfig", FunctionName);
    await codeSigning.attach(context.scope, name, CodeSigningConfigArn);
    return { CodeSigningConfigArn, FunctionName: name };
  };
}

/** Empty when the function has none. */
export function getFunctionCodeSigningConfig({
  functions,
}: LambdaServices): Handler<GetFunctionCodeSigningConfigRequest, Partial<PutFunctionCodeSigningConfigResponse>> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "GetFunctionCodeSigningConfig", request.FunctionName);
    const { codeSigningConfigArn } = await functions.get(context.scope, name);
    return codeSigningConfigArn === undefined ? {} : { CodeSigningConfigArn: codeSigningConfigArn, FunctionName: name };
  };
}

/** Deleting what is not there succeeds. */
export function deleteFunctionCodeSigningConfig({
  codeSigning,
}: LambdaServices): Handler<DeleteFunctionCodeSigningConfigRequest, Record<string, never>> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "DeleteFunctionCodeSigningConfig", request.FunctionName);
    await codeSigning.detach(context.scope, name);
    return {};
  };
}

/** What the request gives; the rest has a default, or stays. */
function settingsOf(
  request: Pick<CreateCodeSigningConfigRequest, "Description" | "CodeSigningPolicies"> &
    Pick<UpdateCodeSigningConfigRequest, "AllowedPublishers">,
): CodeSigningSettings {
  const { Description, AllowedPublishers, CodeSigningPolicies } = request;
  const publishers = AllowedPublishers?.SigningProfileVersionArns;
  const policy = CodeSigningPolicies?.UntrustedArtifactOnDeployment;
  return {
    ...(Description === undefined ? {} : { description: Description }),
    ...(publishers === undefined ? {} : { publishers }),
    ...(policy === undefined ? {} : { policy }),
  };
}

function show(record: CodeSigningConfigRecord): CodeSigningConfig {
  return {
    CodeSigningConfigId: record.id,
    CodeSigningConfigArn: record.arn,
    Description: record.description,
    AllowedPublishers: { SigningProfileVersionArns: [...record.publishers] },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: record.policy },
    LastModified: showTime(record.lastModifiedMs),
  };
}

/** One more than is shown, to know whether there is more. */
function pageAfter(marker: string | undefined, limit: number): { readonly after?: string; readonly limit: number } {
  return { limit: limit + 1, ...(marker === undefined ? {} : { after: placeOfMarker(marker) }) };
}
