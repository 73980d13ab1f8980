/**
 * The refusals of IAM, in AWS's words. Codes are the names of the SDK's error shapes; AWS Query drops their `Exception`.
 */
import { ApiError } from "../../core/errors.ts";

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const quotas = {
  RolesPerAccount: 1000,
  PoliciesPerAccount: 1500,
  InstanceProfilesPerAccount: 1000,
  PoliciesPerRole: 10,
  VersionsPerPolicy: 5,
  InstanceSessionsPerInstanceProfile: 1,
  TagsPerRole: 50,
  TagsPerPolicy: 50,
  TagsPerInstanceProfile: 50,
  /** Characters of a managed policy's document, white space aside. */
  PolicySize: 6144,
  /** Characters of a trust policy, white space aside. */
  ACLSizePerRole: 2048,
} as const;

/** Characters of all inline policies of a role together, white space aside. */
export const inlinePoliciesSizeMax = 10_240;

export function quotaExceeded(quota: keyof typeof quotas): ApiError {
  if (quota === "VersionsPerPolicy") {
    return new ApiError(
      "LimitExceededException",
      `A managed policy can have up to ${quotas.VersionsPerPolicy} versions. ` +
        "Before you create a new version, you must delete an existing version.",
    );
  }
  return new ApiError("LimitExceededException", `Cannot exceed quota for ${quota}: ${quotas[quota]}`);
}

export function inlinePoliciesTooLarge(role: string): ApiError {
  const text = `Maximum policy size of ${inlinePoliciesSizeMax} bytes exceeded for role ${role}`;
  return new ApiError("LimitExceededException", text);
}

export function noSuchEntity(message: string): ApiError {
  return new ApiError("NoSuchEntityException", message);
}

export function noSuchRole(name: string): ApiError {
  return noSuchEntity(`The role with name ${name} cannot be found.`);
}

export function noSuchInlinePolicy(name: string): ApiError {
  return noSuchEntity(`The role policy with name ${name} cannot be found.`);
}

export function noSuchPolicy(arn: string): ApiError {
  return noSuchEntity(`Policy ${arn} was not found.`);
}

export function notAttachable(arn: string): ApiError {
  return noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
}

export function noSuchBoundary(arn: string): ApiError {
  return noSuchEntity(`Scope ARN: ${arn} does not exist or is not attachable.`);
}

export function noSuchVersion(arn: string, version: string): ApiError {
  return noSuchEntity(`Policy ${arn} version ${version} does not exist or is not attachable.`);
}

export function noSuchInstanceProfile(name: string): ApiError {
  return noSuchEntity(`Instance Profile ${name} cannot be found.`);
}

export function alreadyExists(message: string): ApiError {
  return new ApiError("EntityAlreadyExistsException", message);
}

export function deleteConflict(message: string): ApiError {
  return new ApiError("DeleteConflictException", message);
}

export function invalidInput(message: string): ApiError {
  return new ApiError("InvalidInputException", message);
}

export function validationError(message: string): ApiError {
  return new ApiError("ValidationError", message);
}

export function malformedPolicy(message: string): ApiError {
  return new ApiError("MalformedPolicyDocumentException", message);
}

/** AWS's own policies and service-linked roles are not the caller's to change. */
export function unmodifiable(message: string): ApiError {
  return new ApiError("UnmodifiableEntityException", message);
}
