/**
 * `KMSKeyArn`, `VpcConfig`, `FileSystemConfigs` and `SnapStart`: what AWS has and a host has not. The owner maps each to
 * something of the host, where there is something, or says that it may be ignored; anything else is refused, naming the
 * setting.
 */
import type { FileSystemConfig, SnapStart, VpcConfig, VpcConfigResponse } from "@aws-sdk/client-lambda";
import { createHash } from "node:crypto";
import { egressOf, fileSystemOf, type Mappings } from "../../config/mappings.ts";
import type { FileSystemUse, FunctionConfiguration, SealedVariables, VpcSettings } from "../../core/function-record.ts";
import type { FunctionVariables, Variables } from "../../secrets/function-variables.ts";
import { KeyMissingError } from "../../secrets/keyring.ts";
import { invalidParameter, notSupported } from "./refusals.ts";

/** Undefined when nothing is asked; one without subnets is none, which AWS shows nevertheless. */
export function vpcOf(request: VpcConfig | undefined, mappings: Mappings): VpcSettings | undefined {
  if (request === undefined) return undefined;
  const subnetIds = request.SubnetIds ?? [];
  const securityGroupIds = request.SecurityGroupIds ?? [];
  if (subnetIds.length > 0 !== securityGroupIds.length > 0) {
    throw invalidParameter("SubnetIds and SecurityIds must coexist or be both empty list.");
  }
  const outcome = egressOf(mappings, securityGroupIds);
  if (outcome.kind === "unmapped") {
    throw invalidParameter(
      "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: " +
        `The security group '${outcome.groupId}' does not exist${mendedBy("securityGroups", "VpcConfig")}`,
    );
  }
  return { subnetIds, securityGroupIds, ipv6AllowedForDualStack: request.Ipv6AllowedForDualStack ?? false };
}

/** There are no VPCs here, so that the id only says which functions share their subnets; none is shown as AWS does. */
export function showVpc({ subnetIds, securityGroupIds, ipv6AllowedForDualStack }: VpcSettings): VpcConfigResponse {
  const id = createHash("sha256").update(subnetIds.toSorted().join()).digest("hex");
  return {
    SubnetIds: [...subnetIds],
    SecurityGroupIds: [...securityGroupIds],
    VpcId: subnetIds.length === 0 ? "" : `vpc-${id.slice(0, 17)}`,
    Ipv6AllowedForDualStack: ipv6AllowedForDualStack,
  };
}

export function shownFileSystem({ arn, localMountPath }: FileSystemUse): FileSystemConfig {
  return { Arn: arn, LocalMountPath: localMountPath };
}

/** `vpc` is what the function will have. */
export function fileSystemsOf(
  requested: readonly FileSystemConfig[],
  vpc: VpcSettings | undefined,
  mappings: Mappings,
): FileSystemUse[] {
  return requested.map(({ Arn: arn = "", LocalMountPath: localMountPath = "", S3FilesConfig }) => {
    if (S3FilesConfig !== undefined) throw notSupported("S3FilesConfig", "there are no S3 file systems.");
    if (fileSystemOf(mappings, arn).kind === "unmapped") {
      const mend = mendedBy("fileSystems", "FileSystemConfigs");
      throw invalidParameter(`EFS access point ${arn} does not exist${mend}`);
    }
    if (vpc === undefined || vpc.subnetIds.length === 0) {
      throw invalidParameter(`Function must be configured to execute in a VPC to reference access point ${arn}`);
    }
    return { arn, localMountPath };
  });
}

/** Undefined when it shall be off. Nothing is restored here, so that it is accepted only where the owner knows. */
export function snapStartOf(
  request: SnapStart | undefined,
  { ignored }: Pick<Mappings, "ignored">,
): FunctionConfiguration["snapStart"] {
  if (request?.ApplyOn !== "PublishedVersions") return undefined;
  if (ignored.has("SnapStart")) return request.ApplyOn;
  throw notSupported(
    "SnapStart",
    "every environment initialises anew. It is accepted, without effect, when the setting ignoreUnmapped names SnapStart.",
  );
}

/** Throws AWS's refusal when no such key is registered. */
export function sealVariables(
  variables: Pick<FunctionVariables, "seal" | "accepts">,
  functionArn: string,
  values: Variables,
  kmsKeyArn: string | undefined,
): SealedVariables {
  checkKey(variables, kmsKeyArn);
  return variables.seal(functionArn, values, kmsKeyArn);
}

/** The variables that the function has already, under another key. */
export function resealVariables(
  variables: FunctionVariables,
  functionArn: string,
  sealed: SealedVariables,
  kmsKeyArn: string | undefined,
): SealedVariables {
  try {
    return sealVariables(variables, functionArn, variables.open(functionArn, sealed), kmsKeyArn);
  } catch (error) {
    if (!(error instanceof KeyMissingError)) throw error;
    throw invalidParameter(`${unableToAccess} ${keyNotFound(error.keyId)}${mendedBy("kmsKeys", "KMSKeyArn")}`);
  }
}

export function checkKey(variables: Pick<FunctionVariables, "accepts">, kmsKeyArn: string | undefined): void {
  if (kmsKeyArn === undefined || variables.accepts(kmsKeyArn)) return;
  throw invalidParameter(`${unableToAccess} ${keyNotFound(kmsKeyArn)}${mendedBy("kmsKeys", "KMSKeyArn")}`);
}

const unableToAccess =
  "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. " +
  "Please check your KMS key settings. KMS Exception: NotFoundException KMS Message:";

const keyNotFound = (arn: string): string => `Key '${arn}' does not exist`;

function mendedBy(setting: keyof Mappings, member: string): string {
  return `. Hearth knows those of the setting ${setting}, and accepts any when ignoreUnmapped names ${member}.`;
}
