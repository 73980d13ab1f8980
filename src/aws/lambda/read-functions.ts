/** GetFunction, GetFunctionConfiguration and ListFunctions. */
import type {
  FunctionConfiguration,
  GetFunctionConfigurationRequest,
  GetFunctionRequest,
  GetFunctionResponse,
  ListFunctionsRequest,
  ListFunctionsResponse,
} from "@aws-sdk/client-lambda";
import type { FunctionRecord } from "../../core/function-record.ts";
import { latestVersion } from "../../core/function-record.ts";
import { functionNotFound } from "../../control-plane/functions/refusals.ts";
import type { CallContext, Handler } from "../service.ts";
import { showFunction, showListed, type View } from "./function-configuration.ts";
import { latestFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter, notSupported } from "./refusals.ts";

/** Functions in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

interface FoundFunction {
  readonly record: FunctionRecord;
  readonly view: View;
}

/** Finds what a request names; the answer's ARN carries the qualifier that was asked for. */
async function find(
  { functions, host }: LambdaServices,
  operation: string,
  { FunctionName, Qualifier }: GetFunctionRequest,
  context: CallContext,
): Promise<FoundFunction> {
  const { scope } = context;
  const { name, qualifier } = latestFunctionNamed(context, operation, FunctionName, Qualifier);
  const record = await functions.find(scope, name);
  if (record === undefined) throw functionNotFound(scope, name, qualifier);
  return { record, view: { scope, runtimes: host.runtimes, ...(qualifier === undefined ? {} : { qualifier }) } };
}

export function getFunction(services: LambdaServices): Handler<GetFunctionRequest, GetFunctionResponse> {
  return async (request, context) => {
    const { record, view } = await find(services, "GetFunction", request, context);
    const { latest, tags, reservedConcurrency } = record;
    const host = context.headers["host"];
    return {
      Configuration: showFunction(latest, view),
      Code: {
        RepositoryType: "S3",
        Location: services.codeLinks.linkTo(latest.codeDigest, typeof host === "string" ? host : "localhost"),
      },
      ...(Object.keys(tags).length === 0 ? {} : { Tags: { ...tags } }),
      ...(reservedConcurrency === undefined
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
    };
  };
}

export function getFunctionConfiguration(
  services: LambdaServices,
): Handler<GetFunctionConfigurationRequest, FunctionConfiguration> {
  return async (request, context) => {
    const { record, view } = await find(services, "GetFunctionConfiguration", request, context);
    return showFunction(record.latest, view);
  };
}

export function listFunctions({
  functions,
  host,
}: LambdaServices): Handler<ListFunctionsRequest, ListFunctionsResponse> {
  return async (request, { scope }) => {
    if (request.MasterRegion !== undefined) throw notSupported("MasterRegion", "there are no edge functions.");
    const limit = Math.min(request.MaxItems ?? pageItemsMax, pageItemsMax);
    const after = request.Marker === undefined ? {} : { after: nameOfMarker(request.Marker) };
    // One more than is shown, to know whether there is more.
    const records = await functions.list(scope, { ...after, limit: limit + 1 });
    const shown = records.slice(0, limit);
    const last = shown.at(-1);
    // No version can be published yet, so that ALL shows the same functions, under qualified names.
    const qualifier = request.FunctionVersion === "ALL" ? { qualifier: latestVersion } : {};
    return {
      Functions: shown.map(({ latest }) => showListed(latest, { scope, runtimes: host.runtimes, ...qualifier })),
      ...(records.length > limit && last !== undefined ? { NextMarker: markerOf(last.name) } : {}),
    };
  };
}

function markerOf(name: string): string {
  return Buffer.from(name).toString("base64url");
}

function nameOfMarker(marker: string): string {
  const name = Buffer.from(marker, "base64url").toString("utf8");
  if (!/^[a-zA-Z0-9_-]+$/.test(name) || markerOf(name) !== marker) throw invalidParameter("The Marker is invalid.");
  return name;
}
