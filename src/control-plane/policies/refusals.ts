/** How resource policies are refused, in AWS's words. */
import { ApiError } from "../../core/errors.ts";

export function statementExists(statementId: string): ApiError {
  return new ApiError(
    "ResourceConflictException",
    `The statement id (${statementId}) provided already exists. ` +
      "Please provide a new statement id, or remove the existing statement.",
  );
}

export function statementNotFound(statementId: string): ApiError {
  return new ApiError("ResourceNotFoundException", `Statement ${statementId} is not found in resource policy.`);
}

export function noPolicyToChange(): ApiError {
  return new ApiError("ResourceNotFoundException", "No policy is associated with the given resource.");
}

/** What reading an absent policy answers; changing one has another text. */
export function noPolicyToRead(): ApiError {
  return new ApiError("ResourceNotFoundException", "The resource you requested does not exist.");
}

export function policyTooLong(bytes: number, bytesMax: number): ApiError {
  return new ApiError(
    "PolicyLengthExceededException",
    `The final policy size (${bytes}) is bigger than the limit (${bytesMax}).`,
  );
}

export function invalidPrincipal(): ApiError {
  return new ApiError(
    "InvalidParameterValueException",
    "The provided principal was invalid. Please check the principal and try again.",
  );
}

export function policyRevisionMismatch(): ApiError {
  return new ApiError(
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetPolicy API to retrieve the latest Revision Id",
  );
}

export function malformedPolicy(why: string): ApiError {
  return new ApiError("InvalidParameterValueException", `The provided policy was invalid: ${why}`);
}
