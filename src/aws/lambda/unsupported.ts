/**
 * Members of function requests that Hearth cannot obey. Whatever says "none of it" is fine; anything else is refused by
 * name, since a function that silently lacks its VPC or its dead-letter queue is worse than none.
 */
import type { CreateFunctionRequest, FunctionCode, UpdateFunctionConfigurationRequest } from "@aws-sdk/client-lambda";
import { notSupported } from "./refusals.ts";

type Settings = Omit<CreateFunctionRequest & UpdateFunctionConfigurationRequest, "FunctionName" | "Code" | "Role">;

/** What each member must not ask for, and why. */
const unsupportedSettings: readonly {
  readonly member: keyof Settings;
  readonly isAskedFor: (settings: Settings) => boolean;
  readonly why: string;
}[] = [
  {
    member: "ImageConfig",
    isAskedFor: ({ ImageConfig }) => Object.values(ImageConfig ?? {}).some((value) => value !== undefined),
    why: "there are no container images yet; use a zip package.",
  },
  {
    member: "TenancyConfig",
    isAskedFor: ({ TenancyConfig }) => TenancyConfig !== undefined,
    why: "environments are not separated by tenant.",
  },
  {
    member: "CapacityProviderConfig",
    isAskedFor: ({ CapacityProviderConfig }) => CapacityProviderConfig !== undefined,
    why: "there are no capacity providers.",
  },
  {
    member: "DurableConfig",
    isAskedFor: ({ DurableConfig }) => DurableConfig !== undefined,
    why: "there are no durable executions yet.",
  },
  {
    member: "PackageType",
    isAskedFor: ({ PackageType }) => (PackageType ?? "Zip") !== "Zip",
    why: "there are no container images yet; use the package type Zip.",
  },
];

export function refuseUnsupportedSettings(settings: Settings): void {
  for (const { member, isAskedFor, why } of unsupportedSettings) {
    if (isAskedFor(settings)) throw notSupported(member, why);
  }
}

/** Sources of code other than the request itself. */
export function refuseRemoteCode(code: FunctionCode): void {
  if (code.ImageUri !== undefined) {
    throw notSupported("ImageUri", "there are no container images yet; send a ZipFile.");
  }
  for (const member of ["S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode"] as const) {
    if (code[member] !== undefined) throw notSupported(member, "there is no S3 here; send a ZipFile.");
  }
  if (code.SourceKMSKeyArn !== undefined) throw notSupported("SourceKMSKeyArn", "there is no key service.");
}
