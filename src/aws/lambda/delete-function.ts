/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html */
import type { DeleteFunctionRequest, DeleteFunctionResponse } from "@aws-sdk/client-lambda";
import { latestVersion } from "../../core/function-record.ts";
import type { Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter } from "./refusals.ts";

export function deleteFunction({ functions }: LambdaServices): Handler<DeleteFunctionRequest, DeleteFunctionResponse> {
  return async (request, context) => {
    const { scope } = context;
    const { name, qualifier } = functionNamed(context, "DeleteFunction", request.FunctionName, request.Qualifier);
    if (qualifier === latestVersion) {
      throw invalidParameter("$LATEST version cannot be deleted without deleting the function.");
    }
    if (qualifier === undefined) await functions.delete(scope, name);
    else if (/^\d+$/.test(qualifier)) await functions.deleteVersion(scope, name, qualifier);
    else throw invalidParameter("Deletion of aliases is not currently supported.");
    return {};
  };
}
