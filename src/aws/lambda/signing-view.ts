/** Whose signature code has, as AWS shows it: of code that was signed and verified. */
import type { FunctionConfiguration as WireConfiguration } from "@aws-sdk/client-lambda";
import type { SigningFacts } from "../../control-plane/functions/life-cycle.ts";

export function showSigning({
  signingProfileVersionArn,
  signingJobArn,
}: SigningFacts): Pick<WireConfiguration, "SigningProfileVersionArn" | "SigningJobArn"> {
  return {
    ...(signingProfileVersionArn === undefined ? {} : { SigningProfileVersionArn: signingProfileVersionArn }),
    ...(signingJobArn === undefined ? {} : { SigningJobArn: signingJobArn }),
  };
}
