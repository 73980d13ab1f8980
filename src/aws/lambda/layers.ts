/**
 * Layer versions: PublishLayerVersion, GetLayerVersion, GetLayerVersionByArn, ListLayers, ListLayerVersions and
 * DeleteLayerVersion. https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
 */
import type {
  DeleteLayerVersionRequest,
  GetLayerVersionByArnRequest,
  GetLayerVersionRequest,
  GetLayerVersionResponse,
  ListLayersRequest,
  ListLayersResponse,
  ListLayerVersionsRequest,
  ListLayerVersionsResponse,
  PublishLayerVersionRequest,
} from "@aws-sdk/client-lambda";
import type { LayerVersionRecord } from "../../control-plane/layers/layer-record.ts";
import { layerAccessDenied, noSuchLayerVersion } from "../../control-plane/layers/refusals.ts";
import { layerArn, parseLayerName, parseLayerVersionArn, type LayerVersionReference } from "../../core/layer-arn.ts";
import type { CallContext, Handler } from "../service.ts";
import { zipOf } from "./function-settings.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { showLayerVersion, showListedVersion } from "./layers-view.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";
import { invalidParameter } from "./refusals.ts";

/** Versions or layers in one answer, when the request leaves it open; also the most that it may ask for. */
const pageItemsMax = 50;

export function publishLayerVersion(
  services: LambdaServices,
): Handler<PublishLayerVersionRequest, GetLayerVersionResponse> {
  return async (request, context) => {
    const { scope, name } = parseLayerName(request.LayerName ?? "", context.scope);
    if (scope.account !== context.scope.account) {
      throw layerAccessDenied(context.scope.account, "lambda:PublishLayerVersion", layerArn(scope, name));
    }
    if (scope.region !== context.scope.region) throw noSuchLayerVersion();
    const zip = zipOf(request.Content);
    const signing = await services.codeSigning.judge(scope, undefined, zip, layerArn(scope, name));
    const { LicenseInfo, CompatibleRuntimes, CompatibleArchitectures } = request;
    const record = await services.functions.layers.publish({
      scope,
      name,
      description: request.Description ?? "",
      ...(LicenseInfo === undefined ? {} : { licenseInfo: LicenseInfo }),
      ...(CompatibleRuntimes === undefined ? {} : { compatibleRuntimes: CompatibleRuntimes }),
      ...(CompatibleArchitectures === undefined ? {} : { compatibleArchitectures: CompatibleArchitectures }),
      ...signing,
      zip,
    });
    return showWithLink(services, record, context);
  };
}

export function getLayerVersion(services: LambdaServices): Handler<GetLayerVersionRequest, GetLayerVersionResponse> {
  return async (request, context) => {
    const reference = positiveVersion(layerVersionNamed(request, context));
    return showWithLink(services, await services.functions.layers.get(context.scope, reference), context);
  };
}

export function getLayerVersionByArn(
  services: LambdaServices,
): Handler<GetLayerVersionByArnRequest, GetLayerVersionResponse> {
  return async (request, context) => {
    const reference = parseLayerVersionArn(request.Arn ?? "");
    // AWS's own layers, which have ARNs without account, are not here.
    if (reference === undefined) throw noSuchLayerVersion();
    const record = await services.functions.layers.get(context.scope, positiveVersion(reference));
    return showWithLink(services, record, context);
  };
}

export function listLayers({ functions }: LambdaServices): Handler<ListLayersRequest, ListLayersResponse> {
  return async (request, { scope }) => {
    const limit = request.MaxItems ?? pageItemsMax;
    const page = {
      limit: limit + 1,
      ...(request.Marker === undefined ? {} : { after: nameOfMarker(request.Marker) }),
    };
    const newest = await functions.layers.list(scope, filterOf(request), page);
    const { shown, next } = pageOf(newest, limit, ({ name }) => name);
    const Layers = shown.map((record) => ({
      LayerName: record.name,
      LayerArn: layerArn(record.scope, record.name),
      LatestMatchingVersion: showListedVersion(record),
    }));
    return { Layers, ...next };
  };
}

export function listLayerVersions({
  functions,
}: LambdaServices): Handler<ListLayerVersionsRequest, ListLayerVersionsResponse> {
  return async (request, { scope }) => {
    const limit = request.MaxItems ?? pageItemsMax;
    const page = {
      limit: limit + 1,
      ...(request.Marker === undefined ? {} : { before: versionOfMarker(request.Marker) }),
    };
    const layer = parseLayerName(request.LayerName ?? "", scope);
    const versions = await functions.layers.listVersions(scope, layer, filterOf(request), page);
    const { shown, next } = pageOf(versions, limit, ({ version }) => String(version));
    return { LayerVersions: shown.map(showListedVersion), ...next };
  };
}

export function deleteLayerVersion({
  functions,
}: LambdaServices): Handler<DeleteLayerVersionRequest, Record<string, never>> {
  return async (request, context) => {
    await functions.layers.delete(context.scope, positiveVersion(layerVersionNamed(request, context)));
    return {};
  };
}

/** The version that `LayerName` and `VersionNumber` mean together. */
export function layerVersionNamed(
  { LayerName, VersionNumber }: GetLayerVersionRequest,
  { scope }: Pick<CallContext, "scope">,
): LayerVersionReference {
  return { ...parseLayerName(LayerName ?? "", scope), version: VersionNumber ?? 0 };
}

function positiveVersion(reference: LayerVersionReference): LayerVersionReference {
  if (reference.version < 1) throw invalidParameter("Layer Version Cannot be less than 1");
  return reference;
}

function filterOf({
  CompatibleRuntime,
  CompatibleArchitecture,
}: Pick<ListLayersRequest, "CompatibleRuntime" | "CompatibleArchitecture">) {
  return { runtime: CompatibleRuntime, architecture: CompatibleArchitecture };
}

function nameOfMarker(marker: string): string {
  return placeLike(/^[a-zA-Z0-9_-]{1,140}$/, marker);
}

function versionOfMarker(marker: string): number {
  return Number(placeLike(/^\d{1,10}$/, marker));
}

function placeLike(pattern: RegExp, marker: string): string {
  const place = placeOfMarker(marker);
  if (!pattern.test(place)) throw invalidParameter("The Marker is invalid.");
  return place;
}

function showWithLink(
  { codeLinks }: LambdaServices,
  record: LayerVersionRecord,
  { headers: { host } }: CallContext,
): GetLayerVersionResponse {
  return showLayerVersion(record, codeLinks.linkTo(record.digest, typeof host === "string" ? host : "localhost"));
}
