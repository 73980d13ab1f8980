/**
 * Members of function requests that Hearth cannot obey. Whatever says "none of it" is fine; anything else is refused by
 * name, since a function that silently lacks its VPC or its dead-letter queue is worse than none.
 */
import type {
  CreateFunctionRequest,
  FunctionCode,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from "@aws-sdk/client-lambda";
import { notSupported } from "./refusals.ts";

type Settings = Omit<CreateFunctionRequest & UpdateFunctionConfigurationRequest, "FunctionName" | "Code" | "Role">;

const has = (list: readonly unknown[] | undefined): boolean => list !== undefined && list.length > 0;

/** What each member must not ask for, and why. */
const unsupportedSettings: readonly {
  readonly member: keyof Settings;
  readonly isAskedFor: (settings: Settings) => boolean;
  readonly why: string;
}[] = [
  {
    member: "VpcConfig",
    isAskedFor: ({ VpcConfig }) =>
      has(VpcConfig?.SubnetIds) || has(VpcConfig?.SecurityGroupIds) || VpcConfig?.Ipv6AllowedForDualStack === true,
    why: "functions reach the network of their host; leave it out.",
  },
  {
    member: "DeadLetterConfig",
    isAskedFor: ({ DeadLetterConfig }) => (DeadLetterConfig?.TargetArn ?? "") !== "",
    why: "there are no asynchronous invocations yet.",
  },
  {
    member: "KMSKeyArn",
    isAskedFor: ({ KMSKeyArn }) => (KMSKeyArn ?? "") !== "",
    why: "there is no key service.",
  },
  {
    member: "TracingConfig",
    isAskedFor: ({ TracingConfig }) => TracingConfig?.Mode === "Active",
    why: "traces are not recorded; use the mode PassThrough.",
  },
  {
    member: "Layers",
    isAskedFor: ({ Layers }) => has(Layers),
    why: "there are no layers yet; put their content into the package.",
  },
  {
    member: "FileSystemConfigs",
    isAskedFor: ({ FileSystemConfigs }) => has(FileSystemConfigs),
    why: "there are no file systems to mount.",
  },
  {
    member: "ImageConfig",
    isAskedFor: ({ ImageConfig }) => Object.values(ImageConfig ?? {}).some((value) => value !== undefined),
    why: "there are no container images yet; use a zip package.",
  },
  {
    member: "SnapStart",
    isAskedFor: ({ SnapStart }) => (SnapStart?.ApplyOn ?? "None") !== "None",
    why: "there are no published versions yet; apply it on None.",
  },
  {
    member: "CodeSigningConfigArn",
    isAskedFor: ({ CodeSigningConfigArn }) => (CodeSigningConfigArn ?? "") !== "",
    why: "there are no code signing configurations.",
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

type Publishing = Pick<UpdateFunctionCodeRequest, "Publish" | "PublishTo">;

export function refusePublishing({ Publish, PublishTo }: Publishing): void {
  if (Publish === true || PublishTo !== undefined) {
    throw notSupported(PublishTo === undefined ? "Publish" : "PublishTo", "there are no published versions yet.");
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
