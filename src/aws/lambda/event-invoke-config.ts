/**
 * Put, Update, Get, List and DeleteFunctionEventInvokeConfig.
 * https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
 */
import type {
  DeleteFunctionEventInvokeConfigRequest,
  DestinationConfig,
  FunctionEventInvokeConfig,
  GetFunctionEventInvokeConfigRequest,
  ListFunctionEventInvokeConfigsRequest,
  ListFunctionEventInvokeConfigsResponse,
  PutFunctionEventInvokeConfigRequest,
} from "@aws-sdk/client-lambda";
import type {
  EventInvokeConfig,
  EventInvokeSettings,
  QualifiedFunction,
} from "../../control-plane/event-invoke/event-invoke-configs.ts";
import { functionArn, latestVersion } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed, unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";

/** Configurations in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

type Write = Handler<PutFunctionEventInvokeConfigRequest, FunctionEventInvokeConfig>;

export function putFunctionEventInvokeConfig({ eventInvokeConfigs }: LambdaServices): Write {
  return async (request, context) => {
    const target = targetOf(context, "PutFunctionEventInvokeConfig", request);
    return show(target, await eventInvokeConfigs.put(target, settingsOf(request)));
  };
}

export function updateFunctionEventInvokeConfig({ eventInvokeConfigs }: LambdaServices): Write {
  return async (request, context) => {
    const target = targetOf(context, "UpdateFunctionEventInvokeConfig", request);
    return show(target, await eventInvokeConfigs.update(target, settingsOf(request)));
  };
}

export function getFunctionEventInvokeConfig({
  eventInvokeConfigs,
}: LambdaServices): Handler<GetFunctionEventInvokeConfigRequest, FunctionEventInvokeConfig> {
  return async (request, context) => {
    const target = targetOf(context, "GetFunctionEventInvokeConfig", request);
    return show(target, await eventInvokeConfigs.get(target));
  };
}

export function deleteFunctionEventInvokeConfig({
  eventInvokeConfigs,
}: LambdaServices): Handler<DeleteFunctionEventInvokeConfigRequest, Record<string, never>> {
  return async (request, context) => {
    await eventInvokeConfigs.delete(targetOf(context, "DeleteFunctionEventInvokeConfig", request));
    return {};
  };
}

export function listFunctionEventInvokeConfigs({
  eventInvokeConfigs,
}: LambdaServices): Handler<ListFunctionEventInvokeConfigsRequest, ListFunctionEventInvokeConfigsResponse> {
  return async ({ FunctionName, Marker, MaxItems }, context) => {
    const { scope } = context;
    const name = unqualifiedFunctionNamed(context, "ListFunctionEventInvokeConfigs", FunctionName);
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const configs = await eventInvokeConfigs.list(scope, name, {
      limit: limit + 1,
      ...(Marker === undefined ? {} : { after: placeOfMarker(Marker) }),
    });
    const { shown, next } = pageOf(configs, limit, ({ qualifier }) => qualifier);
    return { FunctionEventInvokeConfigs: shown.map((config) => show({ scope, name }, config)), ...next };
  };
}

function targetOf(
  context: CallContext,
  operation: string,
  { FunctionName, Qualifier }: { readonly FunctionName?: string | undefined; readonly Qualifier?: string | undefined },
): QualifiedFunction {
  const { name, qualifier = latestVersion } = functionNamed(context, operation, FunctionName, Qualifier);
  return { scope: context.scope, name, qualifier };
}

function settingsOf(request: PutFunctionEventInvokeConfigRequest): EventInvokeSettings {
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = request;
  return {
    ...(MaximumRetryAttempts === undefined ? {} : { maximumRetryAttempts: MaximumRetryAttempts }),
    ...(MaximumEventAgeInSeconds === undefined ? {} : { maximumEventAgeSeconds: MaximumEventAgeInSeconds }),
    ...(DestinationConfig === undefined ? {} : { destinations: destinationsOf(DestinationConfig) }),
  };
}

/** An empty destination takes one away. */
function destinationsOf({ OnSuccess, OnFailure }: DestinationConfig): NonNullable<EventInvokeSettings["destinations"]> {
  return {
    ...(OnSuccess === undefined ? {} : { onSuccess: { arn: OnSuccess.Destination || undefined } }),
    ...(OnFailure === undefined ? {} : { onFailure: { arn: OnFailure.Destination || undefined } }),
  };
}

function show(
  { scope, name }: { readonly scope: Scope; readonly name: string },
  config: EventInvokeConfig,
): FunctionEventInvokeConfig {
  const { maximumRetryAttempts, maximumEventAgeSeconds, onSuccess, onFailure } = config;
  return {
    LastModified: new Date(config.lastModifiedMs),
    FunctionArn: functionArn(scope, name, config.qualifier),
    ...(maximumRetryAttempts === undefined ? {} : { MaximumRetryAttempts: maximumRetryAttempts }),
    ...(maximumEventAgeSeconds === undefined ? {} : { MaximumEventAgeInSeconds: maximumEventAgeSeconds }),
    DestinationConfig: {
      OnSuccess: onSuccess === undefined ? {} : { Destination: onSuccess },
      OnFailure: onFailure === undefined ? {} : { Destination: onFailure },
    },
  };
}
