/** The refusals of the control plane, in AWS's words. */
import { ApiError } from "../../core/errors.ts";
import { functionArn, type FunctionState } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";

export function functionNotFound(scope: Scope, name: string, qualifier?: string): ApiError {
  const arn = functionArn(scope, name, qualifier);
  return new ApiError("ResourceNotFoundException", `Function not found: ${arn}`);
}

export function functionExists(name: string): ApiError {
  return new ApiError("ResourceConflictException", `Function already exist: ${name}`);
}

export function functionInState(state: FunctionState): ApiError {
  return new ApiError(
    "ResourceConflictException",
    `The operation cannot be performed at this time. The function is currently in the following state: ${state}`,
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

export function codeShaMismatch(given: string, current: string): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    `CodeSHA256 (${given}) is different from current CodeSHA256 in $LATEST (${current}). ` +
      "Please try again with the CodeSHA256 in $LATEST.",
  );
}

export function versionHasAliases(aliases: readonly string[]): ApiError {
  return new ApiError(
    "ResourceConflictException",
    `Unable to delete version because the following aliases reference it: [${aliases.join(", ")}]`,
  );
}

export function aliasExists(scope: Scope, name: string, alias: string): ApiError {
  return new ApiError("ResourceConflictException", `Alias already exists: ${functionArn(scope, name, alias)}`);
}

/** As UpdateAlias words it. */
export function aliasNotFound(scope: Scope, name: string, alias: string): ApiError {
  return new ApiError("ResourceNotFoundException", `Alias not found: ${functionArn(scope, name, alias)}`);
}

export function invalidRouting(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

export function codeStorageExceeded(): ApiError {
  return new ApiError("CodeStorageExceededException", "Code storage limit exceeded.");
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html */
export const tagsMax = 50;

export function tooManyTags(): ApiError {
  return new ApiError("InvalidParameterValueException", "Number of tags exceeds resource tag limit.");
}
