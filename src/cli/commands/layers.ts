/** `hearth layers list|show|publish|delete`: layers and their versions. */
import {
  DeleteLayerVersionCommand,
  ListLayersCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  type Architecture,
  type LayerVersionsListItem,
  type Runtime,
} from "@aws-sdk/client-lambda";

import type { Connection } from "../endpoint.ts";
import { allOf, readCode, withLambda } from "../lambda-client.ts";
import { table, type Output } from "../output.ts";

export interface LayerOptions {
  readonly name: string;
  /** A zip file or a directory. */
  readonly code: string;
  readonly runtime: readonly string[];
  readonly architecture: readonly string[];
  readonly description?: string;
  readonly license?: string;
}

interface Row extends LayerVersionsListItem {
  readonly name: string;
}

export function listLayers(connection: Connection, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const layers = await allOf(
      (Marker) => lambda.send(new ListLayersCommand({ Marker })),
      ({ Layers }) => Layers,
    );
    const rows = layers.map(({ LayerName = "", LatestMatchingVersion }) => ({
      name: LayerName,
      ...LatestMatchingVersion,
    }));
    output.print(output.format === "json" ? JSON.stringify(layers) : layerTable(rows));
    return 0;
  });
}

export function showLayer(connection: Connection, LayerName: string, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const versions = await allOf(
      (Marker) => lambda.send(new ListLayerVersionsCommand({ LayerName, Marker })),
      ({ LayerVersions }) => LayerVersions,
    );
    const rows = versions.map((version) => ({ name: LayerName, ...version }));
    output.print(output.format === "json" ? JSON.stringify(versions) : layerTable(rows));
    return 0;
  });
}

export function publishLayer(connection: Connection, options: LayerOptions, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const { $metadata: _metadata, ...version } = await lambda.send(
      new PublishLayerVersionCommand({
        LayerName: options.name,
        Content: { ZipFile: await readCode(options.code) },
        ...(options.runtime.length === 0 ? {} : { CompatibleRuntimes: options.runtime as Runtime[] }),
        ...(options.architecture.length === 0
          ? {}
          : { CompatibleArchitectures: options.architecture as Architecture[] }),
        ...(options.description === undefined ? {} : { Description: options.description }),
        ...(options.license === undefined ? {} : { LicenseInfo: options.license }),
      }),
    );
    output.print(output.format === "json" ? JSON.stringify(version) : (version.LayerVersionArn ?? ""));
    return 0;
  });
}

export function deleteLayer(
  connection: Connection,
  LayerName: string,
  VersionNumber: number,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    await lambda.send(new DeleteLayerVersionCommand({ LayerName, VersionNumber }));
    const deleted = `${LayerName}:${VersionNumber}`;
    output.print(output.format === "json" ? JSON.stringify({ deleted }) : `${deleted} is deleted`);
    return 0;
  });
}

function layerTable(rows: readonly Row[]): string {
  return table<Row>(
    [
      { title: "LAYER", value: (row) => row.name },
      { title: "VERSION", value: (row) => row.Version ?? "", align: "right" },
      { title: "RUNTIMES", value: (row) => row.CompatibleRuntimes?.join(" ") ?? "" },
      { title: "CREATED", value: (row) => row.CreatedDate ?? "" },
      { title: "ARN", value: (row) => row.LayerVersionArn ?? "" },
      { title: "DESCRIPTION", value: (row) => row.Description ?? "" },
    ],
    rows,
  );
}
