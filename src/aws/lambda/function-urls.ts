/**
 * Create, Get, List, Update and DeleteFunctionUrlConfig.
 * https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
 */
import type {
  Cors,
  CreateFunctionUrlConfigRequest,
  CreateFunctionUrlConfigResponse,
  DeleteFunctionUrlConfigRequest,
  FunctionUrlConfig,
  GetFunctionUrlConfigRequest,
  GetFunctionUrlConfigResponse,
  ListFunctionUrlConfigsRequest,
  ListFunctionUrlConfigsResponse,
  UpdateFunctionUrlConfigRequest,
  UpdateFunctionUrlConfigResponse,
} from "@aws-sdk/client-lambda";
import type { FunctionUrlCors, FunctionUrlRecord, UrlTarget } from "../../control-plane/function-urls/function-urls.ts";
import { functionArn, latestVersion } from "../../core/function-record.ts";
import { invariant } from "../../core/invariant.ts";
import { functionUrlOf } from "../../http/function-url-address.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed, unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";
import { validationError } from "./refusals.ts";

/** URLs in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

/** As the service model prints it: an alias, for versions have no URL. */
const aliasPattern = "((?!^\\d+$)^[0-9a-zA-Z-_]+$)";

export function createFunctionUrlConfig({
  functionUrls,
}: LambdaServices): Handler<CreateFunctionUrlConfigRequest, CreateFunctionUrlConfigResponse> {
  return async (request, context) => {
    const target = targetOf(context, "CreateFunctionUrlConfig", request);
    const { AuthType, InvokeMode } = request;
    invariant(AuthType !== undefined, "the wire takes no URL without its authorisation");
    const record = await functionUrls.create(target, {
      authType: AuthType,
      invokeMode: InvokeMode ?? "BUFFERED",
      cors: corsOf(request.Cors ?? {}),
    });
    const { LastModifiedTime: _unchanged, InvokeMode: mode, ...shown } = show(context, target.name, record);
    // AWS repeats the mode only when it was asked for.
    return InvokeMode === undefined ? shown : { ...shown, InvokeMode: mode };
  };
}

export function getFunctionUrlConfig({
  functionUrls,
}: LambdaServices): Handler<GetFunctionUrlConfigRequest, GetFunctionUrlConfigResponse> {
  return async (request, context) => {
    const target = targetOf(context, "GetFunctionUrlConfig", request);
    return show(context, target.name, await functionUrls.get(target));
  };
}

export function updateFunctionUrlConfig({
  functionUrls,
}: LambdaServices): Handler<UpdateFunctionUrlConfigRequest, UpdateFunctionUrlConfigResponse> {
  return async (request, context) => {
    const target = targetOf(context, "UpdateFunctionUrlConfig", request);
    const { AuthType, InvokeMode, Cors } = request;
    const record = await functionUrls.update(target, {
      ...(AuthType === undefined ? {} : { authType: AuthType }),
      ...(InvokeMode === undefined ? {} : { invokeMode: InvokeMode }),
      ...(Cors === undefined ? {} : { cors: corsOf(Cors) }),
    });
    return show(context, target.name, record);
  };
}

export function deleteFunctionUrlConfig({
  functionUrls,
}: LambdaServices): Handler<DeleteFunctionUrlConfigRequest, Record<string, never>> {
  return async (request, context) => {
    await functionUrls.delete(targetOf(context, "DeleteFunctionUrlConfig", request));
    return {};
  };
}

export function listFunctionUrlConfigs({
  functionUrls,
}: LambdaServices): Handler<ListFunctionUrlConfigsRequest, ListFunctionUrlConfigsResponse> {
  return async ({ FunctionName, Marker, MaxItems }, context) => {
    const name = unqualifiedFunctionNamed(context, "ListFunctionUrlConfigs", FunctionName);
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const records = await functionUrls.list(context.scope, name, {
      limit: limit + 1,
      ...(Marker === undefined ? {} : { after: placeOfMarker(Marker) }),
    });
    const { shown, next } = pageOf(records, limit, ({ qualifier }) => qualifier);
    return { FunctionUrlConfigs: shown.map((record) => show(context, name, record)), ...next };
  };
}

function targetOf(
  context: CallContext,
  operation: string,
  { FunctionName, Qualifier }: { readonly FunctionName?: string | undefined; readonly Qualifier?: string | undefined },
): UrlTarget {
  const { name, qualifier: alias } = functionNamed(context, operation, FunctionName, Qualifier);
  // The wire has checked the parameter, not what the name carries.
  if (alias !== undefined && (alias.startsWith("$") || /^\d+$/.test(alias))) {
    throw validationError(alias, "qualifier", `Member must satisfy regular expression pattern: ${aliasPattern}`);
  }
  return { scope: context.scope, name, alias };
}

function show({ scope, headers }: CallContext, name: string, record: FunctionUrlRecord): FunctionUrlConfig {
  const { urlId, qualifier, authType, invokeMode, cors, createdAtMs, lastModifiedMs } = record;
  const host = headers["host"];
  return {
    FunctionUrl: functionUrlOf(urlId, scope.region, typeof host === "string" ? host : "localhost"),
    FunctionArn: functionArn(scope, name, qualifier === latestVersion ? undefined : qualifier),
    AuthType: authType,
    ...(cors === undefined ? {} : { Cors: showCors(cors) }),
    CreationTime: new Date(createdAtMs).toISOString(),
    LastModifiedTime: new Date(lastModifiedMs).toISOString(),
    InvokeMode: invokeMode,
  };
}

function corsOf(cors: Cors): FunctionUrlCors {
  const { AllowCredentials, AllowHeaders, AllowMethods, AllowOrigins, ExposeHeaders, MaxAge } = cors;
  return {
    ...(AllowCredentials === undefined ? {} : { allowCredentials: AllowCredentials }),
    ...(AllowHeaders === undefined ? {} : { allowHeaders: AllowHeaders }),
    ...(AllowMethods === undefined ? {} : { allowMethods: AllowMethods }),
    ...(AllowOrigins === undefined ? {} : { allowOrigins: AllowOrigins }),
    ...(ExposeHeaders === undefined ? {} : { exposeHeaders: ExposeHeaders }),
    ...(MaxAge === undefined ? {} : { maxAgeSeconds: MaxAge }),
  };
}

function showCors(cors: FunctionUrlCors): Cors {
  const { allowCredentials, allowHeaders, allowMethods, allowOrigins, exposeHeaders, maxAgeSeconds } = cors;
  return {
    ...(allowCredentials === undefined ? {} : { AllowCredentials: allowCredentials }),
    ...(allowHeaders === undefined ? {} : { AllowHeaders: [...allowHeaders] }),
    ...(allowMethods === undefined ? {} : { AllowMethods: [...allowMethods] }),
    ...(allowOrigins === undefined ? {} : { AllowOrigins: [...allowOrigins] }),
    ...(exposeHeaders === undefined ? {} : { ExposeHeaders: [...exposeHeaders] }),
    ...(maxAgeSeconds === undefined ? {} : { MaxAge: maxAgeSeconds }),
  };
}
