/** Layer versions as AWS shows them: exactly the members that AWS's answers have, and none that they lack. */
import type { GetLayerVersionResponse, Layer, LayerVersionsListItem } from "@aws-sdk/client-lambda";
import type { LayerVersionRecord } from "../../control-plane/layers/layer-record.ts";
import type { LayerUse } from "../../core/function-record.ts";
import { layerArn, layerVersionArn } from "../../core/layer-arn.ts";
import { showTime } from "./show-time.ts";
import { showSigning } from "./signing-view.ts";

export function showLayerVersion(record: LayerVersionRecord, location: string): GetLayerVersionResponse {
  return {
    Content: { Location: location, CodeSha256: record.sha256, CodeSize: record.sizeBytes, ...showSigning(record) },
    LayerArn: layerArn(record.scope, record.name),
    ...showListedVersion(record),
  };
}

export function showListedVersion(record: LayerVersionRecord): LayerVersionsListItem {
  const { scope, name, version, licenseInfo, compatibleRuntimes, compatibleArchitectures } = record;
  return {
    LayerVersionArn: layerVersionArn(scope, name, version),
    Version: version,
    Description: record.description,
    CreatedDate: showTime(record.createdAtMs),
    ...(compatibleRuntimes === undefined
      ? {}
      : { CompatibleRuntimes: compatibleRuntimes as NonNullable<LayerVersionsListItem["CompatibleRuntimes"]> }),
    ...(licenseInfo === undefined ? {} : { LicenseInfo: licenseInfo }),
    ...(compatibleArchitectures === undefined
      ? {}
      : {
          CompatibleArchitectures: compatibleArchitectures as NonNullable<
            LayerVersionsListItem["CompatibleArchitectures"]
          >,
        }),
  };
}

/** As a function's configuration shows what it uses. */
export function showLayerUse(use: LayerUse): Layer {
  return { Arn: use.arn, CodeSize: use.sizeBytes, ...showSigning(use) };
}
