/**
 * Whether a policy grants a request. Everything that a policy asks for must be so: principal, action, resource and every
 * condition; what a request does not tell is not so.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import type { Conditions, PolicyDocument, PolicyStatement, Principal } from "./policy-document.ts";
import { glob } from "./glob.ts";

export interface AccessRequest {
  /** Such as `lambda:InvokeFunction`. */
  readonly action: string;
  /** As the caller named it, with its qualifier. */
  readonly resourceArn: string;
  /** The caller's account. */
  readonly account: string;
  /** What the caller is: a role or a user; the account's root otherwise. */
  readonly principalArn: string;
  /** Of temporary credentials: the session of that role. */
  readonly sessionArn?: string | undefined;
}

export function grants(document: PolicyDocument, request: AccessRequest): boolean {
  return document.Statement.some((statement) => applies(statement, request));
}

function applies({ Principal, Action, Resource, Condition = {} }: PolicyStatement, request: AccessRequest): boolean {
  const action = request.action.toLowerCase();
  return (
    isPrincipal(Principal, request) &&
    listOf(Action).some((pattern) => glob(pattern.toLowerCase(), action)) &&
    listOf(Resource).some((pattern) => glob(pattern, request.resourceArn)) &&
    areMet(Condition, request)
  );
}

/** Accounts call, not services: what is granted to a service is not granted to them. */
function isPrincipal(principal: Principal, { account, principalArn, sessionArn }: AccessRequest): boolean {
  if (principal === "*") return true;
  const own = new Set(["*", account, `arn:aws:iam::${account}:root`, principalArn, sessionArn]);
  return listOf(principal["AWS"] ?? []).some((one) => own.has(one));
}

/** By operator without `IfExists`: whether a value of the request is what a policy asks for. */
const comparisons: Readonly<Record<string, (wanted: string, actual: string) => boolean>> = {
  StringEquals: (wanted, actual) => wanted === actual,
  StringEqualsIgnoreCase: (wanted, actual) => wanted.toLowerCase() === actual.toLowerCase(),
  StringLike: glob,
  ArnEquals: arnLike,
  ArnLike: arnLike,
  Bool: (wanted, actual) => wanted.toLowerCase() === actual,
};

/** `StringNotLike` is met where `StringLike` is not. */
const negations: Readonly<Record<string, string>> = {
  StringNotEquals: "StringEquals",
  StringNotEqualsIgnoreCase: "StringEqualsIgnoreCase",
  StringNotLike: "StringLike",
  ArnNotEquals: "ArnEquals",
  ArnNotLike: "ArnLike",
};

const ifExists = "IfExists";

/** Whether `grants` knows the operator of a condition. */
export function isKnownOperator(operator: string): boolean {
  const bare = operator.endsWith(ifExists) ? operator.slice(0, -ifExists.length) : operator;
  return operator === "Null" || Object.hasOwn(comparisons, bare) || Object.hasOwn(negations, bare);
}

function areMet(conditions: Conditions, request: AccessRequest): boolean {
  return Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => isMet(operator, listOf(wanted), contextValue(key, request))),
  );
}

function isMet(operator: string, wanted: readonly string[], actual: string | undefined): boolean {
  if (operator === "Null") return wanted.some((one) => one.toLowerCase() === String(actual === undefined));
  const isOptional = operator.endsWith(ifExists);
  const bare = isOptional ? operator.slice(0, -ifExists.length) : operator;
  const negated = negations[bare];
  const compare = comparisons[negated ?? bare];
  if (compare === undefined) return false;
  if (actual === undefined) return isOptional || negated !== undefined;
  return wanted.some((one) => compare(one, actual)) === (negated === undefined);
}

/**
 * What a request through the API tells. There are no organizations here, and an account that calls is no service with a
 * source: such keys are absent.
 */
function contextValue(key: string, { account, principalArn }: AccessRequest): string | undefined {
  switch (key.toLowerCase()) {
    case "aws:principalaccount":
      return account;
    case "aws:principalarn":
      return principalArn;
    case "aws:principalisawsservice":
    case "lambda:invokedviafunctionurl":
      return "false";
    default:
      return undefined;
  }
}

/** Each of the six parts of an ARN matches its own. */
function arnLike(wanted: string, actual: string): boolean {
  const patterns = partsOf(wanted);
  const parts = partsOf(actual);
  return patterns.length === parts.length && patterns.every((pattern, index) => glob(pattern, parts[index] ?? ""));
}

function partsOf(arn: string): readonly string[] {
  const parts = arn.split(":");
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
