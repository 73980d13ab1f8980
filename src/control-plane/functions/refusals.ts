/** The refusals of the control plane, in AWS's words. */
import { ApiError } from "../../core/errors.ts";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";

export function functionNotFound(scope: Scope, name: string, qualifier?: string): ApiError {
  const arn = functionArn(scope, name, qualifier);
  return new ApiError("ResourceNotFoundException", `Function not found: ${arn}`);
}

export function functionExists(name: string): ApiError {
  return new ApiError("ResourceConflictException", `Function already exist: ${name}`);
}

export function functionPending(): ApiError {
  return new ApiError(
    "ResourceConflictException",
    "The operation cannot be performed at this time. The function is currently in the following state: Pending",
  );
}

export function updateInProgress(arn: string): ApiError {
  return new ApiError(
    "ResourceConflictException",
    `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
  );
}

export function revisionMismatch(): ApiError {
  return new ApiError(
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
  );
}

/** Concurrency of an account that no reservation may take. */
export const unreservedConcurrencyMin = 100;

export function unreservedTooLow(): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution " +
      `below its minimum value of [${unreservedConcurrencyMin}].`,
  );
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html */
export const tagsMax = 50;

export function tooManyTags(): ApiError {
  return new ApiError("InvalidParameterValueException", "Number of tags exceeds resource tag limit.");
}
