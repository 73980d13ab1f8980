/**
 * What the control plane keeps of layers. `["layer", account, region, name]` counts the versions, so that no number is
 * given twice, and stays when the versions are gone; each version is a record of its own, `["layer-version", account,
 * region, name, number]`, with the number filled up so that versions are listed in their order.
 */
import { versionSegment } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Digest, Key } from "../../engine/contract.ts";
import type { PolicyDocument } from "../policies/policy-document.ts";

export interface LayerRecord {
  /** Highest number that a version was ever given; a crash may leave one without its version. */
  readonly lastVersion: number;
}

export interface LayerPolicy {
  readonly document: PolicyDocument;
  readonly revisionId: string;
}

export interface LayerVersionRecord {
  readonly scope: Scope;
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly licenseInfo?: string;
  /** For filters only: AWS lets a function of any runtime use the layer. Undefined when the publisher named none. */
  readonly compatibleRuntimes?: readonly string[];
  readonly compatibleArchitectures?: readonly string[];
  readonly digest: Digest;
  /** The same digest in base64. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly unzippedBytes: number;
  readonly createdAtMs: number;
  /** Of an archive that was signed and verified. */
  readonly signingProfileVersionArn?: string;
  readonly signingJobArn?: string;
  readonly policy?: LayerPolicy;
}

export const layerVersionsPrefix = ["layer-version"] as const;

export function layersOf({ account, region }: Scope): Key {
  return ["layer", account, region];
}

export function layerKey({ account, region }: Scope, name: string): Key {
  return ["layer", account, region, name];
}

export function versionsOf({ account, region }: Scope, name?: string): Key {
  const all: Key = [...layerVersionsPrefix, account, region];
  return name === undefined ? all : [...all, name];
}

export function layerVersionKey(scope: Scope, name: string, version: number): Key {
  return [...versionsOf(scope, name), versionSegment(String(version))];
}
