/**
 * Whether a role's trust policy lets somebody assume the role: the one place where a policy is obeyed.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
import { glob } from "../policies/glob.ts";
import type { Condition, Principal, Statement } from "./policy-elements.ts";

export type Caller =
  /** Such as `lambda.amazonaws.com`. */
  | { readonly kind: "service"; readonly name: string }
  /** The account itself: whoever holds its long-term keys. */
  | { readonly kind: "account"; readonly account: string }
  /** Somebody who has assumed a role, or a function, which runs as one. */
  | { readonly kind: "session"; readonly account: string; readonly roleArn: string; readonly sessionArn: string };

export type TrustAction = "sts:AssumeRole" | "sts:TagSession" | "sts:SetSourceIdentity";

export interface TrustRequest {
  readonly action: TrustAction;
  readonly caller: Caller;
  /** What conditions may ask for, by key in lower case, such as `sts:externalid`. */
  readonly context: ReadonlyMap<string, string>;
  /** Whether a condition on a key that `context` lacks is taken for fulfilled. */
  readonly ignoresUnknownKeys: boolean;
}

/** True when a statement allows it and none denies it. */
export function isTrusted(statements: readonly Statement[], request: TrustRequest): boolean {
  const fitting = statements.filter((statement) => fits(statement, request));
  return fitting.some(({ effect }) => effect === "Allow") && fitting.every(({ effect }) => effect === "Allow");
}

function fits(statement: Statement, request: TrustRequest): boolean {
  const { actions, notActions, principal, notPrincipal, conditions, effect } = statement;
  if (actions.length > 0 ? !isMeant(actions, request.action) : isMeant(notActions, request.action)) return false;
  if (principal === undefined ? notPrincipal && isNamed(notPrincipal, request) : !isNamed(principal, request)) {
    return false;
  }
  // A condition that cannot be judged neither allows nor, by failing, lets a Deny pass.
  return conditions.every(
    (condition) =>
      isFulfilled(condition, request) ?? (request.ignoresUnknownKeys ? effect === "Allow" : effect === "Deny"),
  );
}

function isMeant(patterns: readonly string[], action: TrustAction): boolean {
  return patterns.some((pattern) => glob(pattern.toLowerCase(), action.toLowerCase()));
}

function isNamed(names: Principal, { caller }: TrustRequest): boolean {
  const aws = names.get("AWS") ?? [];
  switch (caller.kind) {
    case "service":
      return (names.get("Service") ?? []).includes(caller.name);
    case "account":
      return aws.some((name) => name === "*" || isAccount(name, caller.account));
    case "session":
      return aws.some(
        (name) =>
          name === "*" || isAccount(name, caller.account) || name === caller.roleArn || name === caller.sessionArn,
      );
    default:
      throw new Error(`unknown caller ${JSON.stringify(caller satisfies never)}`);
  }
}

function isAccount(name: string, account: string): boolean {
  return name === account || name === `arn:aws:iam::${account}:root`;
}

type Comparison = (value: string, wanted: string) => boolean;

const comparisons: Readonly<Record<string, Comparison>> = {
  StringEquals: (value, wanted) => value === wanted,
  StringEqualsIgnoreCase: (value, wanted) => value.toLowerCase() === wanted.toLowerCase(),
  StringLike: (value, wanted) => glob(wanted, value),
  ArnEquals: (value, wanted) => glob(wanted, value),
  ArnLike: (value, wanted) => glob(wanted, value),
  Bool: (value, wanted) => value === wanted.toLowerCase(),
};

/** Undefined when it cannot be judged: an operator or a key that is not known here. */
function isFulfilled({ operator, key, values }: Condition, { context }: TrustRequest): boolean | undefined {
  const withoutSet = operator.replace(/^For(?:All|Any)Values?:/, "");
  const isOptional = withoutSet.endsWith("IfExists");
  const name = isOptional ? withoutSet.slice(0, -"IfExists".length) : withoutSet;
  const isNegated = /^(?:String|Arn)Not/.test(name);
  const compare = comparisons[isNegated ? name.replace("Not", "") : name];
  const value = context.get(key.toLowerCase());
  if (value === undefined && isOptional) return true;
  if (compare === undefined || value === undefined) return undefined;
  return isNegated !== values.some((wanted) => compare(value, wanted));
}
