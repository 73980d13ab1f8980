/** `hearth aliases list|set|delete`: names for versions, with a share of the traffic for a second one. */
import {
  CreateAliasCommand,
  DeleteAliasCommand,
  ListAliasesCommand,
  ResourceNotFoundException,
  UpdateAliasCommand,
  type AliasConfiguration,
  type LambdaClient,
} from "@aws-sdk/client-lambda";

import type { Connection } from "../endpoint.ts";
import { allOf, pairsOf, withLambda } from "../lambda-client.ts";
import { CommandError, table, type Output } from "../output.ts";

export interface AliasOptions {
  readonly functionName: string;
  readonly alias: string;
  readonly version: string;
  /** `VERSION=SHARE`, the share from 0 to 1; none ends a canary. */
  readonly weight: readonly string[];
  readonly description?: string;
}

export function listAliases(connection: Connection, FunctionName: string, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const aliases = await allOf(
      (Marker) => lambda.send(new ListAliasesCommand({ FunctionName, Marker })),
      ({ Aliases }) => Aliases,
    );
    output.print(output.format === "json" ? JSON.stringify(aliases) : aliasTable(aliases));
    return 0;
  });
}

/** Makes the alias, or points it elsewhere. */
export function setAlias(connection: Connection, options: AliasOptions, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const { $metadata: _metadata, ...alias } = await changed(lambda, {
      FunctionName: options.functionName,
      Name: options.alias,
      FunctionVersion: options.version,
      RoutingConfig: { AdditionalVersionWeights: weightsOf(options.weight) },
      ...(options.description === undefined ? {} : { Description: options.description }),
    });
    output.print(output.format === "json" ? JSON.stringify(alias) : aliasTable([alias]));
    return 0;
  });
}

export function deleteAlias(
  connection: Connection,
  FunctionName: string,
  Name: string,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    await lambda.send(new DeleteAliasCommand({ FunctionName, Name }));
    const deleted = `${FunctionName}:${Name}`;
    output.print(output.format === "json" ? JSON.stringify({ deleted }) : `${deleted} is deleted`);
    return 0;
  });
}

async function changed(lambda: LambdaClient, alias: ConstructorParameters<typeof CreateAliasCommand>[0]) {
  try {
    return await lambda.send(new UpdateAliasCommand(alias));
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
    return lambda.send(new CreateAliasCommand(alias));
  }
}

function weightsOf(weights: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pairsOf("--weight", weights)).map(([version, share]) => {
      const weight = Number(share);
      if (share === "" || !(weight >= 0 && weight <= 1)) {
        throw new CommandError(`--weight: '${share}' is no share from 0 to 1`, 2);
      }
      return [version, weight];
    }),
  );
}

function aliasTable(aliases: readonly AliasConfiguration[]): string {
  return table<AliasConfiguration>(
    [
      { title: "ALIAS", value: (row) => row.Name ?? "" },
      { title: "VERSION", value: (row) => row.FunctionVersion ?? "" },
      { title: "ALSO", value: (row) => sharesOf(row) },
      { title: "DESCRIPTION", value: (row) => row.Description ?? "" },
    ],
    aliases,
  );
}

/** `2 (10 %)` */
function sharesOf({ RoutingConfig }: AliasConfiguration): string {
  return Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {})
    .map(([version, weight]) => `${version} (${Math.round(weight * 1000) / 10} %)`)
    .join(" ");
}
