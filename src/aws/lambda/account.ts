/** https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html */
import type { GetAccountSettingsRequest, GetAccountSettingsResponse } from "@aws-sdk/client-lambda";
import { unzippedBytesMax, zippedBytesMax } from "../../packages/contract.ts";
import type { Handler } from "../service.ts";
import type { LambdaServices } from "./lambda-services.ts";

export function getAccountSettings({
  functions,
  concurrency,
}: LambdaServices): Handler<GetAccountSettingsRequest, GetAccountSettingsResponse> {
  return async (_request, { scope }) => {
    const usage = await functions.usage(scope);
    return {
      AccountLimit: {
        TotalCodeSize: functions.codeStorageBytesMax,
        CodeSizeUnzipped: unzippedBytesMax,
        CodeSizeZipped: zippedBytesMax,
        ConcurrentExecutions: concurrency.accountConcurrency,
        UnreservedConcurrentExecutions: await concurrency.unreserved(scope),
      },
      AccountUsage: { TotalCodeSize: usage.codeBytes, FunctionCount: usage.functions },
    };
  };
}
