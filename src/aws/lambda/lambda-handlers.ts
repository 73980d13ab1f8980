/** The operations of AWS Lambda that are here, one handler each. What is absent is refused by the wire. */
import type { Handlers } from "../service.ts";
import { getAccountSettings } from "./account.ts";
import { deleteFunctionConcurrency, getFunctionConcurrency, putFunctionConcurrency } from "./concurrency.ts";
import { createFunction } from "./create-function.ts";
import { deleteFunction } from "./delete-function.ts";
import { invoke } from "./invoke.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { getFunction, getFunctionConfiguration, listFunctions } from "./read-functions.ts";
import { listTags, tagResource, untagResource } from "./tags.ts";
import { updateFunctionCode, updateFunctionConfiguration } from "./update-function.ts";

export function createLambdaHandlers(services: LambdaServices): Handlers {
  return {
    CreateFunction: createFunction(services),
    DeleteFunction: deleteFunction(services),
    DeleteFunctionConcurrency: deleteFunctionConcurrency(services),
    GetAccountSettings: getAccountSettings(services),
    GetFunction: getFunction(services),
    GetFunctionConcurrency: getFunctionConcurrency(services),
    GetFunctionConfiguration: getFunctionConfiguration(services),
    Invoke: invoke(services),
    ListFunctions: listFunctions(services),
    ListTags: listTags(services),
    PutFunctionConcurrency: putFunctionConcurrency(services),
    TagResource: tagResource(services),
    UntagResource: untagResource(services),
    UpdateFunctionCode: updateFunctionCode(services),
    UpdateFunctionConfiguration: updateFunctionConfiguration(services),
  };
}

const refusedMembers =
  "Refused by name: `VpcConfig`, `DeadLetterConfig`, `KMSKeyArn`, `TracingConfig` Active, `Layers`, `FileSystemConfigs`, " +
  "`SnapStart`, durable, tenancy and capacity-provider configuration.";

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  CreateFunction: `Zip packages sent with the request; no S3 location, no image, no \`Publish\`, the host's architecture only. ${refusedMembers}`,
  UpdateFunctionCode: "Zip packages sent with the request; no S3 location, no image, no `Publish`.",
  UpdateFunctionConfiguration: refusedMembers,
  DeleteFunction: "The whole function; there are no published versions yet.",
  GetFunction: "`$LATEST` only.",
  GetFunctionConfiguration: "`$LATEST` only.",
  Invoke:
    "`RequestResponse` and `DryRun` of `$LATEST`; `Event` is refused. The request rate (10 × concurrency) is not limited.",
  ListFunctions: "`FunctionVersion` ALL lists `$LATEST`, since there are no published versions yet.",
  PutFunctionConcurrency: "Obeyed at once; there is no provisioned concurrency to compare with.",
  TagResource: "Tags of functions.",
  UntagResource: "Tags of functions.",
  ListTags: "Tags of functions.",
};
