/** How code signing refuses, in AWS's words. */
import { ApiError } from "../../core/errors.ts";

/** What operations on the configuration itself say. */
export function configNotFound(arn: string): ApiError {
  return new ApiError("ResourceNotFoundException", `The Lambda code signing configuration ${arn} can not be found.`);
}

/** What operations on functions say. */
export function namedConfigNotFound(arn: string): ApiError {
  return new ApiError("CodeSigningConfigNotFoundException", deletedPerhaps(arn));
}

/** What operations on tags say. */
export function taggedConfigNotFound(arn: string): ApiError {
  return new ApiError("ResourceNotFoundException", deletedPerhaps(arn));
}

function deletedPerhaps(arn: string): string {
  return `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`;
}

export function configInUse(arn: string): ApiError {
  return new ApiError(
    "ResourceConflictException",
    `The Lambda code signing configuration ${arn} cannot be deleted because it is used by one or more functions.`,
  );
}

/** `subject` is the function or the layer version whose code it is. */
export function codeNotVerified(subject: string): ApiError {
  return new ApiError(
    "CodeVerificationFailedException",
    "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not " +
      `configured to accept. Check the provided signature for ${subject}.`,
  );
}

/** Whatever the policy says. */
export function signatureBroken(): ApiError {
  return new ApiError(
    "InvalidCodeSignatureException",
    "The code signature failed the integrity check. If the integrity check fails, then Lambda blocks deployment, even if " +
      "the code signing policy is set to WARN.",
  );
}
