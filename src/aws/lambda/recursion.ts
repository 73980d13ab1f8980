/** Recursive loop detection. https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html */
import type {
  GetFunctionRecursionConfigRequest,
  GetFunctionRecursionConfigResponse,
  PutFunctionRecursionConfigRequest,
  PutFunctionRecursionConfigResponse,
} from "@aws-sdk/client-lambda";
import { invariant } from "../../core/invariant.ts";
import type { Handler } from "../service.ts";
import { unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";

export function putFunctionRecursionConfig({
  functions,
}: LambdaServices): Handler<PutFunctionRecursionConfigRequest, PutFunctionRecursionConfigResponse> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "PutFunctionRecursionConfig", request.FunctionName);
    const mode = request.RecursiveLoop;
    invariant(mode !== undefined, "the wire takes no recursion configuration without its mode");
    await functions.setRecursiveLoop(context.scope, name, mode);
    return { RecursiveLoop: mode };
  };
}

export function getFunctionRecursionConfig({
  functions,
}: LambdaServices): Handler<GetFunctionRecursionConfigRequest, GetFunctionRecursionConfigResponse> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "GetFunctionRecursionConfig", request.FunctionName);
    const { recursiveLoop } = await functions.get(context.scope, name);
    return { RecursiveLoop: recursiveLoop ?? "Terminate" };
  };
}
