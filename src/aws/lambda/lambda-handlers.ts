/** The operations of AWS Lambda that are here, one handler each. What is absent is refused by the wire. */
import type { Handlers } from "../service.ts";
import { getAccountSettings } from "./account.ts";
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from "./aliases.ts";
import { withinRates } from "./caller-rates.ts";
import {
  createCodeSigningConfig,
  deleteCodeSigningConfig,
  deleteFunctionCodeSigningConfig,
  getCodeSigningConfig,
  getFunctionCodeSigningConfig,
  listCodeSigningConfigs,
  listFunctionsByCodeSigningConfig,
  putFunctionCodeSigningConfig,
  updateCodeSigningConfig,
} from "./code-signing.ts";
import { deleteFunctionConcurrency, getFunctionConcurrency, putFunctionConcurrency } from "./concurrency.ts";
import { createFunction } from "./create-function.ts";
import { deleteFunction } from "./delete-function.ts";
import {
  deleteFunctionEventInvokeConfig,
  getFunctionEventInvokeConfig,
  listFunctionEventInvokeConfigs,
  putFunctionEventInvokeConfig,
  updateFunctionEventInvokeConfig,
} from "./event-invoke-config.ts";
import {
  createEventSourceMapping,
  deleteEventSourceMapping,
  getEventSourceMapping,
  listEventSourceMappings,
  updateEventSourceMapping,
} from "./event-source-mappings.ts";
import {
  createFunctionUrlConfig,
  deleteFunctionUrlConfig,
  getFunctionUrlConfig,
  listFunctionUrlConfigs,
  updateFunctionUrlConfig,
} from "./function-urls.ts";
import { getFunctionRecursionConfig, putFunctionRecursionConfig } from "./recursion.ts";
import { getRuntimeManagementConfig, putRuntimeManagementConfig } from "./runtime-management.ts";
import { invoke, invokeAsync } from "./invoke.ts";
import type { LambdaServices } from "./lambda-services.ts";
import {
  deleteLayerVersion,
  getLayerVersion,
  getLayerVersionByArn,
  listLayers,
  listLayerVersions,
  publishLayerVersion,
} from "./layers.ts";
import {
  addLayerVersionPermission,
  getLayerVersionPolicy,
  removeLayerVersionPermission,
} from "./layers-permissions.ts";
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
import { listVersionsByFunction, publishVersion } from "./versions.ts";

export function createLambdaHandlers(services: LambdaServices): Handlers {
  const handlers = {
    AddLayerVersionPermission: addLayerVersionPermission(services),
    AddPermission: addPermission(services),
    CreateAlias: createAlias(services),
    CreateEventSourceMapping: createEventSourceMapping(services),
    CreateCodeSigningConfig: createCodeSigningConfig(services),
    CreateFunction: createFunction(services),
    CreateFunctionUrlConfig: createFunctionUrlConfig(services),
    DeleteAlias: deleteAlias(services),
    DeleteEventSourceMapping: deleteEventSourceMapping(services),
    DeleteCodeSigningConfig: deleteCodeSigningConfig(services),
    DeleteFunction: deleteFunction(services),
    DeleteFunctionCodeSigningConfig: deleteFunctionCodeSigningConfig(services),
    DeleteFunctionConcurrency: deleteFunctionConcurrency(services),
    DeleteFunctionEventInvokeConfig: deleteFunctionEventInvokeConfig(services),
    DeleteFunctionUrlConfig: deleteFunctionUrlConfig(services),
    DeleteProvisionedConcurrencyConfig: deleteProvisionedConcurrencyConfig(services),
    DeleteLayerVersion: deleteLayerVersion(services),
    DeleteResourcePolicy: deleteResourcePolicy(services),
    GetAccountSettings: getAccountSettings(services),
    GetAlias: getAlias(services),
    GetEventSourceMapping: getEventSourceMapping(services),
    GetCodeSigningConfig: getCodeSigningConfig(services),
    GetFunction: getFunction(services),
    GetFunctionCodeSigningConfig: getFunctionCodeSigningConfig(services),
    GetFunctionConcurrency: getFunctionConcurrency(services),
    GetFunctionEventInvokeConfig: getFunctionEventInvokeConfig(services),
    GetFunctionRecursionConfig: getFunctionRecursionConfig(services),
    GetFunctionUrlConfig: getFunctionUrlConfig(services),
    GetProvisionedConcurrencyConfig: getProvisionedConcurrencyConfig(services),
    GetFunctionConfiguration: getFunctionConfiguration(services),
    GetLayerVersion: getLayerVersion(services),
    GetLayerVersionByArn: getLayerVersionByArn(services),
    GetLayerVersionPolicy: getLayerVersionPolicy(services),
    GetPolicy: getPolicy(services),
    GetResourcePolicy: getResourcePolicy(services),
    GetRuntimeManagementConfig: getRuntimeManagementConfig(services),
    Invoke: invoke(services),
    InvokeAsync: invokeAsync(services),
    ListAliases: listAliases(services),
    ListEventSourceMappings: listEventSourceMappings(services),
    ListFunctionEventInvokeConfigs: listFunctionEventInvokeConfigs(services),
    ListFunctionUrlConfigs: listFunctionUrlConfigs(services),
    ListCodeSigningConfigs: listCodeSigningConfigs(services),
    ListFunctions: listFunctions(services),
    ListFunctionsByCodeSigningConfig: listFunctionsByCodeSigningConfig(services),
    ListLayers: listLayers(services),
    ListLayerVersions: listLayerVersions(services),
    ListTags: listTags(services),
    ListVersionsByFunction: listVersionsByFunction(services),
    PublishLayerVersion: publishLayerVersion(services),
    PublishVersion: publishVersion(services),
    ListProvisionedConcurrencyConfigs: listProvisionedConcurrencyConfigs(services),
    PutFunctionCodeSigningConfig: putFunctionCodeSigningConfig(services),
    PutFunctionConcurrency: putFunctionConcurrency(services),
    PutFunctionEventInvokeConfig: putFunctionEventInvokeConfig(services),
    PutFunctionRecursionConfig: putFunctionRecursionConfig(services),
    PutProvisionedConcurrencyConfig: putProvisionedConcurrencyConfig(services),
    PutResourcePolicy: putResourcePolicy(services),
    PutRuntimeManagementConfig: putRuntimeManagementConfig(services),
    RemoveLayerVersionPermission: removeLayerVersionPermission(services),
    RemovePermission: removePermission(services),
    TagResource: tagResource(services),
    UntagResource: untagResource(services),
    UpdateAlias: updateAlias(services),
    UpdateEventSourceMapping: updateEventSourceMapping(services),
    UpdateCodeSigningConfig: updateCodeSigningConfig(services),
    UpdateFunctionCode: updateFunctionCode(services),
    UpdateFunctionConfiguration: updateFunctionConfiguration(services),
    UpdateFunctionEventInvokeConfig: updateFunctionEventInvokeConfig(services),
    UpdateFunctionUrlConfig: updateFunctionUrlConfig(services),
  };
  return withinRates(openToOtherAccounts(handlers, services), services.callerRates);
}

const refusedMembers =
  "`KMSKeyArn`, `VpcConfig` and `FileSystemConfigs` need the owner's mapping (docs/configuration.md); `TracingConfig` Active " +
  "samples, and nothing records traces. `DeadLetterConfig` takes SQS queues only. `SnapStart` has no effect, and is accepted " +
  "only where the owner ignores it. Refused by name: durable, tenancy and capacity-provider configuration.";

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  CreateEventSourceMapping:
    "SQS queues (docs/event-source-mappings.md); other sources are refused. `KMSKeyArn` is refused by name; `LoggingConfig` is kept and shown, and has no effect.",
  UpdateEventSourceMapping: "`KMSKeyArn` is refused by name.",
  CreateFunctionUrlConfig: "The record; requests to the URL are refused until it is served.",
  PutFunctionEventInvokeConfig:
    "Destinations are functions and SQS queues of the same account and region; topics, event buses and buckets are refused. Of destinations only functions are known to exist or not.",
  UpdateFunctionEventInvokeConfig: "As PutFunctionEventInvokeConfig.",
  PutFunctionRecursionConfig: "Loops are detected as long as the trace header goes round: AWS's SDKs pass it on.",
  PutRuntimeManagementConfig:
    "One version of each runtime is installed. Manual names that one, and starts no other; FunctionUpdate takes a new version at once.",
  CreateFunction: `Zip packages sent with the request; no S3 location, no image, no \`PublishTo\`, the host's architecture only. ${refusedMembers}`,
  UpdateFunctionCode: "Zip packages sent with the request; no S3 location, no image, no `PublishTo`.",
  UpdateFunctionConfiguration: refusedMembers,
  CreateCodeSigningConfig:
    "Signatures are Hearth's own, made with `hearth sign` (docs/code-signing.md); those of AWS Signer are not known here.",
  AddLayerVersionPermission: "There are no organizations: what is granted to one is kept and shown, and grants nobody.",
  AddPermission:
    "What is granted to other accounts is obeyed; a function's own account may do everything. Nothing is refused for being public.",
  PublishLayerVersion: "Zip packages sent with the request; no S3 location.",
  PutResourcePolicy:
    "Statements that deny are refused by name, and so are conditions on numbers, dates and addresses; nothing is refused for being public.",
  PublishVersion: "No `PublishTo`.",
  ListFunctions: "No `MasterRegion`.",
};
