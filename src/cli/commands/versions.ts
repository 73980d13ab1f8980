/** `hearth versions list|publish|delete`: published versions of a function. */
import { DeleteFunctionCommand, ListVersionsByFunctionCommand, PublishVersionCommand } from "@aws-sdk/client-lambda";

import type { Connection } from "../endpoint.ts";
import { allOf, withLambda } from "../lambda-client.ts";
import type { Output } from "../output.ts";
import { functionTable } from "./functions.ts";

export function listVersions(connection: Connection, FunctionName: string, output: Output): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const versions = await allOf(
      (Marker) => lambda.send(new ListVersionsByFunctionCommand({ FunctionName, Marker })),
      ({ Versions }) => Versions,
    );
    output.print(output.format === "json" ? JSON.stringify(versions) : functionTable(versions));
    return 0;
  });
}

export function publishVersion(
  connection: Connection,
  FunctionName: string,
  Description: string | undefined,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    const { $metadata: _metadata, ...version } = await lambda.send(
      new PublishVersionCommand({ FunctionName, Description }),
    );
    output.print(output.format === "json" ? JSON.stringify(version) : functionTable([version]));
    return 0;
  });
}

export function deleteVersion(
  connection: Connection,
  FunctionName: string,
  Qualifier: string,
  output: Output,
): Promise<number> {
  return withLambda(connection, async (lambda) => {
    await lambda.send(new DeleteFunctionCommand({ FunctionName, Qualifier }));
    const deleted = `${FunctionName}:${Qualifier}`;
    output.print(output.format === "json" ? JSON.stringify({ deleted }) : `${deleted} is deleted`);
    return 0;
  });
}
