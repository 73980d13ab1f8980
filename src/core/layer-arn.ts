/**
 * ARNs of layers and of their versions, and the two ways in which a caller names a layer: its name or its ARN.
 * https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
 */
import type { Scope } from "./identity.ts";

export interface LayerReference {
  readonly scope: Scope;
  readonly name: string;
}

export interface LayerVersionReference extends LayerReference {
  readonly version: number;
}

export function layerArn({ account, region }: Scope, name: string): string {
  return `arn:aws:lambda:${region}:${account}:layer:${name}`;
}

export function layerVersionArn(scope: Scope, name: string, version: number): string {
  return `${layerArn(scope, name)}:${version}`;
}

const arnPattern =
  /^arn:(?:aws[a-zA-Z-]*)?:lambda:(?<region>[a-z0-9-]+):(?<account>\d{12}):layer:(?<name>[a-zA-Z0-9_-]+)(?::(?<version>\d{1,10}))?$/;

/** A bare name is of the caller's own account and region. */
export function parseLayerName(text: string, scope: Scope): LayerReference {
  const found = parseArn(text);
  return found === undefined ? { scope, name: text } : { scope: found.scope, name: found.name };
}

/** Undefined for anything but the full ARN of a version. */
export function parseLayerVersionArn(text: string): LayerVersionReference | undefined {
  const found = parseArn(text);
  return found?.version === undefined ? undefined : { ...found, version: found.version };
}

function parseArn(text: string): (LayerReference & { readonly version?: number }) | undefined {
  const { region, account, name, version } = arnPattern.exec(text)?.groups ?? {};
  if (region === undefined || account === undefined || name === undefined) return undefined;
  return { scope: { account, region }, name, ...(version === undefined ? {} : { version: Number(version) }) };
}
