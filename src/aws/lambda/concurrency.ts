/** Reserved concurrency. https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import type {
  Concurrency,
  DeleteFunctionConcurrencyRequest,
  GetFunctionConcurrencyRequest,
  GetFunctionConcurrencyResponse,
  PutFunctionConcurrencyRequest,
} from "@aws-sdk/client-lambda";
import { latestVersion } from "../../core/function-record.ts";
import { invariant } from "../../core/invariant.ts";
import { functionNotFound } from "../../control-plane/functions/refusals.ts";
import type { Handler } from "../service.ts";
import { unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";

export function putFunctionConcurrency({
  functions,
}: LambdaServices): Handler<PutFunctionConcurrencyRequest, Concurrency> {
  return async (request, context) => {
    const { scope } = context;
    const name = unqualifiedFunctionNamed(context, "PutFunctionConcurrency", request.FunctionName);
    // AWS names the version here, and only here.
    if ((await functions.find(scope, name)) === undefined) throw functionNotFound(scope, name, latestVersion);
    const reserved = request.ReservedConcurrentExecutions;
    invariant(reserved !== undefined, "the wire takes no reservation without its number");
    await functions.reserveConcurrency(scope, name, reserved);
    return { ReservedConcurrentExecutions: reserved };
  };
}

export function getFunctionConcurrency({
  functions,
}: LambdaServices): Handler<GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "GetFunctionConcurrency", request.FunctionName);
    const { reservedConcurrency } = await functions.get(context.scope, name);
    return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
  };
}

export function deleteFunctionConcurrency({
  functions,
}: LambdaServices): Handler<DeleteFunctionConcurrencyRequest, Record<string, never>> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "DeleteFunctionConcurrency", request.FunctionName);
    await functions.reserveConcurrency(context.scope, name, undefined);
    return {};
  };
}
