/** https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html */
import type { GetAccountSettingsRequest, GetAccountSettingsResponse } from "@aws-sdk/client-lambda";
import { unzippedBytesMax, zippedBytesMax } from "../../packages/contract.ts";
import type { Handler } from "../service.ts";
import type { LambdaServices } from "./lambda-services.ts";

/** 75 GiB, the default of an AWS account, in bytes. Shown, while the disk is what bounds it here. */
const totalCodeBytesMax = 80_530_636_800;

export function getAccountSettings({
  functions,
}: LambdaServices): Handler<GetAccountSettingsRequest, GetAccountSettingsResponse> {
  return async (_request, { scope }) => {
    const usage = await functions.usage(scope);
    return {
      AccountLimit: {
        TotalCodeSize: totalCodeBytesMax,
        CodeSizeUnzipped: unzippedBytesMax,
        CodeSizeZipped: zippedBytesMax,
        ConcurrentExecutions: functions.accountConcurrency,
        UnreservedConcurrentExecutions: functions.accountConcurrency - usage.reservedConcurrency,
      },
      AccountUsage: { TotalCodeSize: usage.codeBytes, FunctionCount: usage.functions },
    };
  };
}
