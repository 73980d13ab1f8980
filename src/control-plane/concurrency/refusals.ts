/** The refusals of the concurrency settings, in AWS's words. */
import { ApiError } from "../../core/errors.ts";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";

/** Concurrency of an account that no function may set aside. */
export const unreservedConcurrencyMin = 100;

function invalid(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

export function reserveTooLarge(): ApiError {
  return invalid(
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution " +
      `below its minimum value of [${unreservedConcurrencyMin}].`,
  );
}

/** The odd blanks are AWS's. */
export function reserveBelowProvisioned(reserved: number, provisioned: number): ApiError {
  return invalid(
    ` ReservedConcurrentExecutions  ${reserved} should not be lower than function's total provisioned concurrency ` +
      `[${provisioned}].`,
  );
}

export function provisionedBeyondReserve(): ApiError {
  return invalid(
    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
  );
}

export function provisionedBeyondAccount(unreserved: number): ApiError {
  return invalid(
    `Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${unreserved}].`,
  );
}

export function provisionedTooLarge(): ApiError {
  return invalid(
    "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum " +
      `value of [${unreservedConcurrencyMin}].`,
  );
}

export function unpublishedVersion(): ApiError {
  return invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
}

export function neitherAliasNorVersion(): ApiError {
  return invalid("The function resource provided must be an alias or a published version.");
}

export function aliasWithWeights(): ApiError {
  return invalid("Alias with weights can not be used with Provisioned Concurrency");
}

export function versionIsProvisioned(): ApiError {
  return new ApiError(
    "ResourceConflictException",
    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
  );
}

export function versionHasProvisionedAlias(): ApiError {
  return new ApiError("ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias");
}

export function provisionedNotFound(): ApiError {
  return new ApiError(
    "ProvisionedConcurrencyConfigNotFoundException",
    "No Provisioned Concurrency Config found for this function",
  );
}

export function aliasNotFound(scope: Scope, name: string, alias: string): ApiError {
  return new ApiError("ResourceNotFoundException", `Cannot find alias arn: ${functionArn(scope, name, alias)}`);
}
