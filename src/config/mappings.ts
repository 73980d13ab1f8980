/**
 * Settings that map what AWS accounts have and a host has not: KMS keys to key files, security groups to egress allow
 * lists, access points to directories. Pairs of a name and what it stands for, separated by commas.
 */
import { isIP } from "node:net";
import { isAbsolute } from "node:path";

import type { Config } from "./settings.ts";

type MappingSetting = "kmsKeys" | "securityGroups" | "fileSystems";

/** Members of a function's configuration that the owner may ignore. */
const ignorableMembers = ["KMSKeyArn", "VpcConfig", "FileSystemConfigs", "SnapStart"] as const;

export interface Mappings {
  /** Key files by ARN. */
  readonly kmsKeys: ReadonlyMap<string, string>;
  /** CIDRs by the id of a security group. */
  readonly securityGroups: ReadonlyMap<string, readonly string[]>;
  /** Absolute paths, or `server:/export`, by the ARN of an access point. */
  readonly fileSystems: ReadonlyMap<string, string>;
  /** What is accepted without a mapping. */
  readonly ignored: ReadonlySet<string>;
}

/** Of a configuration that `parseConfig` has passed. */
export function mappingsOf(config: Pick<Config, MappingSetting | "ignoreUnmapped">): Mappings {
  return {
    kmsKeys: pairsOf(config.kmsKeys),
    securityGroups: new Map([...pairsOf(config.securityGroups)].map(([id, cidrs]) => [id, wordsOf(cidrs)])),
    fileSystems: pairsOf(config.fileSystems),
    ignored: new Set(listOf(config.ignoreUnmapped)),
  };
}

/** Files of public keys by the ARN of a signing profile version. */
export function signingProfilesOf(config: Pick<Config, "signingProfiles">): ReadonlyMap<string, string> {
  return pairsOf(config.signingProfiles);
}

/** What functions of these security groups may reach; `ranges` is undefined where the general rules hold. */
export type EgressOutcome =
  | { readonly kind: "mapped"; readonly ranges: readonly string[] | undefined }
  | { readonly kind: "unmapped"; readonly groupId: string };

/** Groups add up, as their rules do on AWS. */
export function egressOf(mappings: Mappings, groupIds: readonly string[]): EgressOutcome {
  const known = groupIds.filter((id) => mappings.securityGroups.has(id));
  const groupId = groupIds.find((id) => !mappings.securityGroups.has(id));
  if (groupId !== undefined && !mappings.ignored.has("VpcConfig")) return { kind: "unmapped", groupId };
  if (known.length === 0) return { kind: "mapped", ranges: undefined };
  const ranges = new Set(known.flatMap((id) => mappings.securityGroups.get(id) ?? []));
  return { kind: "mapped", ranges: [...ranges].toSorted() };
}

/** What an access point stands for; `source` is undefined where the owner wants nothing mounted. */
export type FileSystemOutcome =
  | { readonly kind: "mapped"; readonly source: string | undefined }
  | { readonly kind: "unmapped" };

export function fileSystemOf(mappings: Mappings, arn: string): FileSystemOutcome {
  const source = mappings.fileSystems.get(arn);
  if (source === undefined && !mappings.ignored.has("FileSystemConfigs")) return { kind: "unmapped" };
  return { kind: "mapped", source };
}

/** What is wrong with these settings, one line for each error; `shown` is a setting's name as people set it. */
export function mappingProblems(
  config: Pick<Config, MappingSetting | "signingProfiles" | "ignoreUnmapped" | "egress">,
  shown: (setting: MappingSetting | "signingProfiles" | "ignoreUnmapped") => string,
): string[] {
  const problems: string[] = [];
  const check = (
    setting: MappingSetting | "signingProfiles",
    form: string,
    isGood: (name: string, value: string) => boolean,
  ): void => {
    const names = new Set<string>();
    for (const entry of listOf(config[setting])) {
      const [name, value] = pairOf(entry);
      if (value === undefined || !isGood(name, value)) problems.push(`${shown(setting)}: '${entry}' is not ${form}`);
      else if (names.has(name)) problems.push(`${shown(setting)}: ${name} is mapped twice`);
      names.add(name);
    }
  };
  check("kmsKeys", "ARN=FILE", (name, file) => name.startsWith("arn:") && isAbsolute(file));
  check("securityGroups", "ID=CIDR CIDR…", (id, cidrs) => id.startsWith("sg-") && wordsOf(cidrs).every(isCidr));
  check("fileSystems", "ARN=DIRECTORY or ARN=SERVER:/EXPORT", (arn, path) => arn.startsWith("arn:") && isPlace(path));
  check("signingProfiles", "ARN=FILE", (arn, file) => isProfileVersion(arn) && isAbsolute(file));
  for (const member of listOf(config.ignoreUnmapped)) {
    if (ignorableMembers.some((known) => known === member)) continue;
    problems.push(`${shown("ignoreUnmapped")}: '${member}' is not one of ${ignorableMembers.join(", ")}`);
  }
  if (config.egress === "none" && config.securityGroups !== "") {
    problems.push(`${shown("securityGroups")}: egress is 'none', so there is nothing to open; set it to 'open'`);
  }
  return problems;
}

/** `arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION` */
export function isProfileVersion(arn: string): boolean {
  return /^arn:aws[a-zA-Z-]*:signer:[a-z0-9-]+:\d{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,64}\/[a-zA-Z0-9]{10}$/.test(
    arn,
  );
}

/** The words of a comma-separated setting. */
export function listOf(value: string): string[] {
  return value
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

export function isCidr(text: string): boolean {
  const [address, bits, ...rest] = text.split("/");
  const version = isIP(address ?? "");
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function pairsOf(setting: string): Map<string, string> {
  return new Map(listOf(setting).map((entry) => [pairOf(entry)[0], pairOf(entry)[1] ?? ""]));
}

function pairOf(entry: string): readonly [string, string | undefined] {
  const at = entry.indexOf("=");
  return at < 0 ? [entry, undefined] : [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** A directory of the host, or of an NFS server whose name holds no `/`. */
function isPlace(path: string): boolean {
  return isAbsolute(path) || /^[^/\s]+:\/\S*$/.test(path);
}
