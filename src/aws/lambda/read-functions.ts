/** GetFunction, GetFunctionConfiguration and ListFunctions. */
import type {
  FunctionConfiguration,
  GetFunctionConfigurationRequest,
  GetFunctionRequest,
  GetFunctionResponse,
  ListFunctionsRequest,
  ListFunctionsResponse,
} from "@aws-sdk/client-lambda";
import type { ResolvedFunction } from "../../control-plane/functions/functions.ts";
import { latestVersion, type FunctionConfiguration as Configuration } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { CallContext, Handler } from "../service.ts";
import { showFunction, showListed, type View } from "./function-configuration.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";
import { notSupported } from "./refusals.ts";

/** Functions in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

interface FoundFunction extends ResolvedFunction {
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
  const { name, qualifier } = functionNamed(context, operation, FunctionName, Qualifier);
  const resolved = await functions.resolve(scope, name, qualifier);
  return { ...resolved, view: { scope, host, ...(qualifier === undefined ? {} : { qualifier }) } };
}

export function getFunction(services: LambdaServices): Handler<GetFunctionRequest, GetFunctionResponse> {
  return async (request, context) => {
    const { record, configuration, view } = await find(services, "GetFunction", request, context);
    const { tags, reservedConcurrency } = record;
    const host = context.headers["host"];
    return {
      Configuration: showFunction(configuration, view),
      Code: {
        RepositoryType: "S3",
        Location: services.codeLinks.linkTo(configuration.codeDigest, typeof host === "string" ? host : "localhost"),
      },
      ...(Object.keys(tags).length === 0 ? {} : { Tags: { ...tags } }),
      // Not with a version or an alias: it is the function's as a whole.
      ...(reservedConcurrency === undefined || configuration.version !== latestVersion
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
    };
  };
}

export function getFunctionConfiguration(
  services: LambdaServices,
): Handler<GetFunctionConfigurationRequest, FunctionConfiguration> {
  return async (request, context) => {
    const { configuration, view } = await find(services, "GetFunctionConfiguration", request, context);
    return showFunction(configuration, view);
  };
}

export function listFunctions({
  functions,
  host,
}: LambdaServices): Handler<ListFunctionsRequest, ListFunctionsResponse> {
  return async ({ FunctionVersion, Marker, MasterRegion, MaxItems }, { scope }) => {
    if (MasterRegion !== undefined) throw notSupported("MasterRegion", "there are no edge functions.");
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const after = Marker === undefined ? undefined : placeOfMarker(Marker);
    // One more than is shown, to know whether there is more.
    const wanted = limit + 1;
    if (FunctionVersion === "ALL") {
      const { shown, next } = pageOf(await versionsAfter(functions, scope, after, wanted), limit, placeOfVersion);
      return {
        Functions: shown.map((version) => showListed(version, { scope, host, qualifier: version.version })),
        ...next,
      };
    }
    const records = await functions.list(scope, { limit: wanted, ...(after === undefined ? {} : { after }) });
    const { shown, next } = pageOf(records, limit, ({ name }) => name);
    return { Functions: shown.map(({ latest }) => showListed(latest, { scope, host })), ...next };
  };
}

/** Every version of every function, `$LATEST` before the others, after a place among them. */
async function versionsAfter(
  functions: LambdaServices["functions"],
  scope: Scope,
  place: string | undefined,
  limit: number,
): Promise<Configuration[]> {
  const [name, version] = place?.split(":") ?? [];
  const found: Configuration[] = [];
  const addVersionsOf = async (of: string, after?: string): Promise<void> => {
    const from = after === undefined || after === latestVersion ? {} : { after };
    found.push(...(await functions.versions.list(scope, of, { limit: limit - found.length, ...from })));
  };
  if (name !== undefined && (await functions.find(scope, name)) !== undefined) await addVersionsOf(name, version);
  let after = name;
  while (found.length < limit) {
    const missing = limit - found.length;
    const records = await functions.list(scope, { limit: missing, ...(after === undefined ? {} : { after }) });
    for (const { name: next, latest } of records) {
      if (found.length < limit) found.push(latest);
      if (found.length < limit) await addVersionsOf(next);
    }
    if (records.length < missing) break;
    after = records.at(-1)?.name;
  }
  return found;
}

function placeOfVersion({ name, version }: Configuration): string {
  return `${name}:${version}`;
}
