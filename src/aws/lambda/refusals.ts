/** The refusals of Lambda's operations, in AWS's words where AWS has any. The wire adds whose fault it was. */
import { ApiError } from "../../core/errors.ts";

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

/** A breach of the service model that depends on more than the member itself. */
export function validationError(value: string, path: string, constraint: string): ApiError {
  return new ApiError(
    "ValidationException",
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: ${constraint}`,
  );
}

/** Of a call from another account; `user` is the caller's ARN and `action` such as `lambda:InvokeFunction`. */
export function accessDenied(user: string, action: string, arn: string): ApiError {
  return new ApiError(
    "AccessDeniedException",
    `User: ${user} is not authorized to perform: ${action} on resource: ${arn} ` +
      `because no resource-based policy allows the ${action} action`,
  );
}

/** What Hearth cannot do is never accepted in silence. */
export function notSupported(member: string, why: string): ApiError {
  return invalidParameter(`${member} is not supported by Hearth: ${why}`);
}

export function onlyForFunctions(): ApiError {
  return invalidParameter(
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
      "Please specify either a function name or an unqualified function ARN.",
  );
}
