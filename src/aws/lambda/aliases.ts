/**
 * CreateAlias, GetAlias, ListAliases, UpdateAlias and DeleteAlias.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
 */
import type {
  AliasConfiguration,
  AliasRoutingConfiguration,
  CreateAliasRequest,
  DeleteAliasRequest,
  GetAliasRequest,
  ListAliasesRequest,
  ListAliasesResponse,
  UpdateAliasRequest,
} from "@aws-sdk/client-lambda";
import { pointsTo } from "../../control-plane/functions/intents.ts";
import { functionArn, type AliasRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { ApiError } from "../../core/errors.ts";
import { invariant } from "../../core/invariant.ts";
import type { Handler } from "../service.ts";
import { unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";
import { validationError } from "./refusals.ts";

/** Aliases in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

export function createAlias({ functions }: LambdaServices): Handler<CreateAliasRequest, AliasConfiguration> {
  return async (request, context) => {
    const { scope } = context;
    const { Name, FunctionVersion, Description, RoutingConfig } = request;
    const name = unqualifiedFunctionNamed(context, "CreateAlias", request.FunctionName);
    invariant(Name !== undefined && FunctionVersion !== undefined, "the wire takes no alias without name and version");
    const alias = await functions.createAlias(scope, name, {
      name: Name,
      functionVersion: FunctionVersion,
      description: Description ?? "",
      additionalVersionWeights: weightsOf(RoutingConfig),
    });
    return show(scope, name, alias);
  };
}

export function getAlias({ functions }: LambdaServices): Handler<GetAliasRequest, AliasConfiguration> {
  return async (request, context) => {
    const { scope } = context;
    const name = unqualifiedFunctionNamed(context, "GetAlias", request.FunctionName);
    const alias = request.Name ?? "";
    // Without its function, an alias is not there either, though its record may be about to go.
    const found = (await functions.find(scope, name)) && (await functions.aliases.find(scope, name, alias));
    if (found === undefined) {
      throw new ApiError("ResourceNotFoundException", `Cannot find alias arn: ${functionArn(scope, name, alias)}`);
    }
    return show(scope, name, found);
  };
}

export function listAliases({ functions }: LambdaServices): Handler<ListAliasesRequest, ListAliasesResponse> {
  return async (request, context) => {
    const { scope } = context;
    const { FunctionVersion, Marker, MaxItems } = request;
    const name = unqualifiedFunctionNamed(context, "ListAliases", request.FunctionName);
    await functions.get(scope, name);
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const after = Marker === undefined ? undefined : placeOfMarker(Marker);
    const found: AliasRecord[] = [];
    for await (const alias of functions.aliases.of(scope, name, after)) {
      if (FunctionVersion === undefined || pointsTo(alias, FunctionVersion)) found.push(alias);
      if (found.length > limit) break;
    }
    const { shown, next } = pageOf(found, limit, (alias) => alias.name);
    return { Aliases: shown.map((alias) => show(scope, name, alias)), ...next };
  };
}

export function updateAlias({ functions }: LambdaServices): Handler<UpdateAliasRequest, AliasConfiguration> {
  return async (request, context) => {
    const { scope } = context;
    const { Name, FunctionVersion, Description, RoutingConfig, RevisionId } = request;
    const name = unqualifiedFunctionNamed(context, "UpdateAlias", request.FunctionName);
    const alias = await functions.updateAlias(scope, name, Name ?? "", {
      ...(FunctionVersion === undefined ? {} : { functionVersion: FunctionVersion }),
      ...(Description === undefined ? {} : { description: Description }),
      // Replaced as a whole: an empty one ends the routing to a second version.
      ...(RoutingConfig === undefined ? {} : { additionalVersionWeights: weightsOf(RoutingConfig) }),
      ...(RevisionId === undefined ? {} : { revisionId: RevisionId }),
    });
    return show(scope, name, alias);
  };
}

export function deleteAlias({ functions }: LambdaServices): Handler<DeleteAliasRequest, Record<string, never>> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "DeleteAlias", request.FunctionName);
    await functions.deleteAlias(context.scope, name, request.Name ?? "");
    return {};
  };
}

function show(scope: Scope, name: string, alias: AliasRecord): AliasConfiguration {
  const { additionalVersionWeights } = alias;
  return {
    AliasArn: functionArn(scope, name, alias.name),
    Name: alias.name,
    FunctionVersion: alias.functionVersion,
    Description: alias.description,
    ...(Object.keys(additionalVersionWeights).length === 0
      ? {}
      : { RoutingConfig: { AdditionalVersionWeights: { ...additionalVersionWeights } } }),
    RevisionId: alias.revisionId,
  };
}

/** The model's constraints of the map, which no table of the wire has. */
function weightsOf(routing: AliasRoutingConfiguration | undefined): Readonly<Record<string, number>> {
  const weights = routing?.AdditionalVersionWeights ?? {};
  const entries = Object.entries(weights);
  const path = "routingConfig.additionalVersionWeights";
  const printed = `{${entries.map(([version, weight]) => `${version}=${printDouble(weight)}`).join(", ")}}`;
  if (entries.some(([version]) => !/^[0-9]{1,1024}$/.test(version))) {
    throw validationError(
      printed,
      path,
      "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, " +
        "Member must have length greater than or equal to 1, " +
        "Member must satisfy regular expression pattern: [0-9]+, Member must not be null]",
    );
  }
  if (entries.some(([, weight]) => !(weight >= 0 && weight <= 1))) {
    throw validationError(
      printed,
      path,
      "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, " +
        "Member must have value greater than or equal to 0.0, Member must not be null]",
    );
  }
  return { ...weights };
}

/** As Java prints it. */
function printDouble(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
