/**
 * Function ARNs, and the many ways in which a caller may name a function: `name`, `name:qualifier`, `function:name`,
 * `123456789012:function:name`, `us-east-1:123456789012:function:name`, a full ARN, each with or without a qualifier.
 *
 * The grammar is the pattern of AWS's service model, with its alternatives named; so `function` alone is a function of
 * that name, and `…:function` at the end of an ARN is too.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
 */
import { functionArn } from "./function-record.ts";
import type { Scope } from "./identity.ts";

declare const functionNameBrand: unique symbol;
declare const qualifierBrand: unique symbol;

/** A function's bare name, made only by the parsers of this file. */
export type FunctionName = string & { readonly [functionNameBrand]: true };
/** `$LATEST`, a version number, or what may be an alias. */
type Qualifier = string & { readonly [qualifierBrand]: true };

export interface FunctionReference {
  readonly name: FunctionName;
  /** From the name or from the separate parameter; undefined when neither has one. */
  readonly qualifier?: Qualifier;
}

export type FunctionReferenceOutcome =
  | { readonly kind: "function"; readonly reference: FunctionReference }
  | { readonly kind: "malformed" }
  /** The ARN names another region than the one that was called. */
  | { readonly kind: "other-region"; readonly region: string }
  | { readonly kind: "other-account"; readonly arn: string }
  /** The name carries a qualifier, and the separate parameter says another. */
  | { readonly kind: "qualifier-mismatch" };

/** Longest reference of the service model, in characters; checked before the pattern runs. */
const referenceLengthMax = 256;

const region = String.raw`(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d`;
const qualifier = String.raw`\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+`;

const referencePattern = new RegExp(
  String.raw`^(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?<region>${region}):)?(?:(?<account>\d{12}):)?(?:function:)?` +
    String.raw`(?<name>[a-zA-Z0-9_.-]+)(?::(?<qualifier>${qualifier}))?$`,
);

/** Finds the function that `text` and the separate `qualifierParameter` name together, as seen from `scope`. */
export function parseFunctionReference(
  text: string,
  qualifierParameter: string | undefined,
  scope: Scope,
): FunctionReferenceOutcome {
  const groups = text.length > referenceLengthMax ? undefined : referencePattern.exec(text)?.groups;
  if (groups?.["name"] === undefined) return { kind: "malformed" };
  const name = groups["name"] as FunctionName;
  const derived = groups["qualifier"];

  if (derived !== undefined && qualifierParameter !== undefined && derived !== qualifierParameter) {
    return { kind: "qualifier-mismatch" };
  }
  const found = (derived ?? qualifierParameter) as Qualifier | undefined;
  const inRegion = groups["region"] ?? scope.region;
  const inAccount = groups["account"] ?? scope.account;
  if (inRegion !== scope.region) return { kind: "other-region", region: inRegion };
  if (inAccount !== scope.account) {
    return { kind: "other-account", arn: functionArn({ account: inAccount, region: inRegion }, name, found) };
  }
  return { kind: "function", reference: found === undefined ? { name } : { name, qualifier: found } };
}

const arnPattern = new RegExp(
  String.raw`^arn:aws[a-zA-Z-]*:lambda:(?<region>${region}):(?<account>\d{12}):function:` +
    String.raw`(?<name>[a-zA-Z0-9_-]+)(?::(?<qualifier>${qualifier}))?$`,
);

export interface FunctionArnParts extends FunctionReference {
  readonly scope: Scope;
}

/** Takes a full function ARN apart; undefined for anything else. */
export function parseFunctionArn(text: string): FunctionArnParts | undefined {
  const groups = text.length > referenceLengthMax ? undefined : arnPattern.exec(text)?.groups;
  if (groups?.["name"] === undefined || groups["region"] === undefined || groups["account"] === undefined) {
    return undefined;
  }
  const scope = { region: groups["region"], account: groups["account"] };
  const name = groups["name"] as FunctionName;
  return groups["qualifier"] === undefined
    ? { scope, name }
    : { scope, name, qualifier: groups["qualifier"] as Qualifier };
}
