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
