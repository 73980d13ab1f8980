/**
 * What a function's configuration names and the owner of this Hearth holds: the key that opens its variables, what its
 * security groups may reach, the directories of its file systems. Looked up when an environment starts, in memory.
 *
 * What cannot be found is the function's failure, in the words of Lambda's errors, with the setting that mends it.
 */
import { egressOf, fileSystemOf, type Mappings } from "../../config/mappings.ts";
import { ApiError, UnavailableError } from "../../core/errors.ts";
import type { FunctionConfiguration } from "../../core/function-record.ts";
import type { FunctionVariables } from "../../secrets/function-variables.ts";
import { KeyMissingError } from "../../secrets/keyring.ts";
import type { EnvironmentSpec } from "../../worker/contract.ts";

export type Surroundings = Pick<EnvironmentSpec, "environment" | "egressRanges" | "fileSystems">;

export type FindSurroundings = (configuration: FunctionConfiguration) => Surroundings;

/** The finder rejects with an `UnavailableError` whose cause is the `ApiError` that the caller shall see. */
export function createSurroundings(variables: Pick<FunctionVariables, "open">, mappings: Mappings): FindSurroundings {
  return (configuration) => ({
    environment: variablesOf(configuration, variables),
    ...egressRangesOf(configuration, mappings),
    ...fileSystemsOf(configuration, mappings),
  });
}

function variablesOf(
  { functionArn, environment }: FunctionConfiguration,
  variables: Pick<FunctionVariables, "open">,
): Surroundings["environment"] {
  try {
    return variables.open(functionArn, environment);
  } catch (error) {
    if (!(error instanceof KeyMissingError)) throw error;
    throw refused(
      "KMSNotFoundException",
      "Lambda couldn't decrypt the environment variables because the AWS KMS key was not found. " +
        `Check the function's AWS KMS key settings: ${error.keyId} is not among the setting kmsKeys.`,
    );
  }
}

function egressRangesOf({ vpc }: FunctionConfiguration, mappings: Mappings): Pick<Surroundings, "egressRanges"> {
  if (vpc === undefined) return {};
  const outcome = egressOf(mappings, vpc.securityGroupIds);
  if (outcome.kind === "unmapped") {
    throw refused(
      "EC2UnexpectedException",
      `Lambda could not set up the network of the function: the security group ${outcome.groupId} is not among the ` +
        "setting securityGroups.",
    );
  }
  if (outcome.ranges === undefined) return {};
  // As from a subnet that has no IPv6, unless the function asks for it.
  const isAllowed = (range: string): boolean => vpc.ipv6AllowedForDualStack || !range.includes(":");
  return { egressRanges: outcome.ranges.filter(isAllowed) };
}

function fileSystemsOf(
  { fileSystems = [] }: FunctionConfiguration,
  mappings: Mappings,
): Pick<Surroundings, "fileSystems"> {
  const shared = fileSystems.flatMap(({ arn, localMountPath }) => {
    const outcome = fileSystemOf(mappings, arn);
    if (outcome.kind === "unmapped") {
      throw refused(
        "EFSMountFailureException",
        "The Lambda function couldn't mount the configured Amazon EFS file system: the access point " +
          `${arn} is not among the setting fileSystems.`,
      );
    }
    return outcome.source === undefined ? [] : [{ source: outcome.source, target: localMountPath }];
  });
  return shared.length === 0 ? {} : { fileSystems: shared };
}

function refused(code: string, message: string): UnavailableError {
  return new UnavailableError("no-capacity", message, { cause: new ApiError(code, message) });
}
