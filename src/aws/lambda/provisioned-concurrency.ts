/**
 * Put, Get, List and DeleteProvisionedConcurrencyConfig: what was asked for stands in the records, how far it has come
 * is the data plane's to say.
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import type {
  DeleteProvisionedConcurrencyConfigRequest,
  GetProvisionedConcurrencyConfigRequest,
  GetProvisionedConcurrencyConfigResponse,
  ListProvisionedConcurrencyConfigsRequest,
  ListProvisionedConcurrencyConfigsResponse,
  PutProvisionedConcurrencyConfigRequest,
} from "@aws-sdk/client-lambda";
import type { ProvisionedTarget } from "../../control-plane/concurrency/concurrency.ts";
import { functionArn, latestVersion, type ProvisionedConcurrencyRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { invariant } from "../../core/invariant.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed, unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";

/** Configurations in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

export function putProvisionedConcurrencyConfig({
  concurrency,
  provisioning,
}: LambdaServices): Handler<PutProvisionedConcurrencyConfigRequest, GetProvisionedConcurrencyConfigResponse> {
  return async (request, context) => {
    const target = targetOf(context, "PutProvisionedConcurrencyConfig", request);
    const requested = request.ProvisionedConcurrentExecutions;
    invariant(requested !== undefined, "the wire takes no provisioned concurrency without its number");
    return show(target, await concurrency.provision(target, requested), provisioning);
  };
}

export function getProvisionedConcurrencyConfig({
  concurrency,
  provisioning,
}: LambdaServices): Handler<GetProvisionedConcurrencyConfigRequest, GetProvisionedConcurrencyConfigResponse> {
  return async (request, context) => {
    const target = targetOf(context, "GetProvisionedConcurrencyConfig", request);
    return show(target, await concurrency.provisioned(target), provisioning);
  };
}

export function deleteProvisionedConcurrencyConfig({
  concurrency,
}: LambdaServices): Handler<DeleteProvisionedConcurrencyConfigRequest, Record<string, never>> {
  return async (request, context) => {
    await concurrency.unprovision(targetOf(context, "DeleteProvisionedConcurrencyConfig", request));
    return {};
  };
}

export function listProvisionedConcurrencyConfigs({
  concurrency,
  provisioning,
}: LambdaServices): Handler<ListProvisionedConcurrencyConfigsRequest, ListProvisionedConcurrencyConfigsResponse> {
  return async ({ FunctionName, Marker, MaxItems }, context) => {
    const { scope } = context;
    const name = unqualifiedFunctionNamed(context, "ListProvisionedConcurrencyConfigs", FunctionName);
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const records = await concurrency.list(scope, name, {
      limit: limit + 1,
      ...(Marker === undefined ? {} : { after: placeOfMarker(Marker) }),
    });
    const { shown, next } = pageOf(records, limit, ({ qualifier }) => qualifier);
    const configs = shown.map((record) => {
      const { qualifier } = record;
      const FunctionArn = functionArn(scope, name, qualifier);
      return Object.assign({ FunctionArn }, show({ scope, name }, record, provisioning));
    });
    return { ProvisionedConcurrencyConfigs: configs, ...next };
  };
}

function targetOf(
  context: CallContext,
  operation: string,
  { FunctionName, Qualifier }: { readonly FunctionName: string | undefined; readonly Qualifier: string | undefined },
): ProvisionedTarget {
  const { name, qualifier = latestVersion } = functionNamed(context, operation, FunctionName, Qualifier);
  return { scope: context.scope, name, qualifier };
}

function show(
  { scope, name }: { readonly scope: Scope; readonly name: string },
  record: ProvisionedConcurrencyRecord,
  provisioning: LambdaServices["provisioning"],
): GetProvisionedConcurrencyConfigResponse {
  const { status, reason, allocated, available } = provisioning.status(functionArn(scope, name), record);
  return {
    RequestedProvisionedConcurrentExecutions: record.requested,
    AvailableProvisionedConcurrentExecutions: available,
    AllocatedProvisionedConcurrentExecutions: allocated,
    Status: status,
    ...(reason === undefined ? {} : { StatusReason: reason }),
    LastModified: timestampOf(record.lastModifiedMs),
  };
}

/** To the second, as AWS gives it here and nowhere else. */
function timestampOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, "+0000");
}
