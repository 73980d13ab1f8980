/** The operations of AWS Lambda that are here, one handler each. What is absent is refused by the wire. */
import type { Handlers } from "../service.ts";
import { getAccountSettings } from "./account.ts";
import { deleteFunctionConcurrency, getFunctionConcurrency, putFunctionConcurrency } from "./concurrency.ts";
import { createFunction } from "./create-function.ts";
import { deleteFunction } from "./delete-function.ts";
import { invoke } from "./invoke.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { addPermission, getPolicy, removePermission } from "./permissions.ts";
import {
  deleteProvisionedConcurrencyConfig,
  getProvisionedConcurrencyConfig,
  listProvisionedConcurrencyConfigs,
  putProvisionedConcurrencyConfig,
} from "./provisioned-concurrency.ts";
import { getFunction, getFunctionConfiguration, listFunctions } from "./read-functions.ts";
import { openToOtherAccounts } from "./resource-access.ts";
import { deleteResourcePolicy, getResourcePolicy, putResourcePolicy } from "./resource-policy.ts";
import { listTags, tagResource, untagResource } from "./tags.ts";
import { updateFunctionCode, updateFunctionConfiguration } from "./update-function.ts";

export function createLambdaHandlers(services: LambdaServices): Handlers {
  const handlers = {
    AddPermission: addPermission(services),
    CreateFunction: createFunction(services),
    DeleteFunction: deleteFunction(services),
    DeleteFunctionConcurrency: deleteFunctionConcurrency(services),
    DeleteProvisionedConcurrencyConfig: deleteProvisionedConcurrencyConfig(services),
    DeleteResourcePolicy: deleteResourcePolicy(services),
    GetAccountSettings: getAccountSettings(services),
    GetFunction: getFunction(services),
    GetFunctionConcurrency: getFunctionConcurrency(services),
    GetFunctionConfiguration: getFunctionConfiguration(services),
    GetPolicy: getPolicy(services),
    GetProvisionedConcurrencyConfig: getProvisionedConcurrencyConfig(services),
    GetResourcePolicy: getResourcePolicy(services),
    Invoke: invoke(services),
    ListFunctions: listFunctions(services),
    ListProvisionedConcurrencyConfigs: listProvisionedConcurrencyConfigs(services),
    ListTags: listTags(services),
    PutFunctionConcurrency: putFunctionConcurrency(services),
    PutProvisionedConcurrencyConfig: putProvisionedConcurrencyConfig(services),
    PutResourcePolicy: putResourcePolicy(services),
    RemovePermission: removePermission(services),
    TagResource: tagResource(services),
    UntagResource: untagResource(services),
    UpdateFunctionCode: updateFunctionCode(services),
    UpdateFunctionConfiguration: updateFunctionConfiguration(services),
  };
  return openToOtherAccounts(handlers, services);
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
  AddPermission:
    "What is granted to other accounts is obeyed; a function's own account may do everything. Nothing is refused for being public.",
  PutResourcePolicy:
    "Statements that deny are refused by name, and so are conditions on numbers, dates and addresses; nothing is refused for being public.",
  DeleteFunction: "The whole function; there are no published versions yet.",
  GetFunction: "`$LATEST` only.",
  GetFunctionConfiguration: "`$LATEST` only.",
  Invoke:
    "`RequestResponse` and `DryRun` of `$LATEST`; `Event` is refused. The request rate (10 × concurrency) is not limited.",
  ListFunctions: "`FunctionVersion` ALL lists `$LATEST`, since there are no published versions yet.",
  TagResource: "Tags of functions.",
  UntagResource: "Tags of functions.",
  ListTags: "Tags of functions.",
};
