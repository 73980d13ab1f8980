/** Reserved concurrency. https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import type {
  Concurrency,
  DeleteFunctionConcurrencyRequest,
  GetFunctionConcurrencyRequest,
  GetFunctionConcurrencyResponse,
  PutFunctionConcurrencyRequest,
} from "@aws-sdk/client-lambda";
import { invariant } from "../../core/invariant.ts";
import type { Handler } from "../service.ts";
import { unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";

export function putFunctionConcurrency({
  concurrency,
}: LambdaServices): Handler<PutFunctionConcurrencyRequest, Concurrency> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "PutFunctionConcurrency", request.FunctionName);
    const reserved = request.ReservedConcurrentExecutions;
    invariant(reserved !== undefined, "the wire takes no reservation without its number");
    await concurrency.setReserve(context.scope, name, reserved);
    return { ReservedConcurrentExecutions: reserved };
  };
}

export function getFunctionConcurrency({
  concurrency,
}: LambdaServices): Handler<GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "GetFunctionConcurrency", request.FunctionName);
    const reserved = await concurrency.reserve(context.scope, name);
    return reserved === undefined ? {} : { ReservedConcurrentExecutions: reserved };
  };
}

export function deleteFunctionConcurrency({
  concurrency,
}: LambdaServices): Handler<DeleteFunctionConcurrencyRequest, Record<string, never>> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "DeleteFunctionConcurrency", request.FunctionName);
    await concurrency.setReserve(context.scope, name, undefined);
    return {};
  };
}
