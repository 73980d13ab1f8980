/**
 * Which function a request means: its FunctionName in any of AWS's forms, with its Qualifier.
 */
import { parseFunctionReference, type FunctionName, type FunctionReference } from "../../core/arn.ts";
import { ApiError } from "../../core/errors.ts";
import { latestVersion } from "../../core/function-record.ts";
import { unreachable } from "../../core/invariant.ts";
import type { CallContext } from "../service.ts";
import { accessDenied, invalidParameter, onlyForFunctions, validationError } from "./refusals.ts";

/** As the service model prints it; the wire has checked it before, up to what the operation's own shape says. */
const namePattern =
  "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?" +
  "([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

type Call = Pick<CallContext, "scope">;

/** Throws AWS's refusal unless the name is of a function of the caller's account and region. */
export function functionNamed(
  { scope }: Call,
  operation: string,
  functionName: string | undefined,
  qualifier?: string,
): FunctionReference {
  const text = functionName ?? "";
  // An empty Qualifier is what some clients send for none.
  const outcome = parseFunctionReference(text, qualifier === "" ? undefined : qualifier, scope);
  switch (outcome.kind) {
    case "function":
      return outcome.reference;
    case "malformed":
      throw validationError(text, "functionName", `Member must satisfy regular expression pattern: ${namePattern}`);
    case "qualifier-mismatch":
      throw invalidParameter("The derived qualifier from the function name does not match the specified qualifier.");
    case "other-region":
      throw new ApiError(
        "ResourceNotFoundException",
        `Functions from '${outcome.region}' are not reachable in this region ('${scope.region}')`,
      );
    case "other-account":
      throw accessDenied(`arn:aws:iam::${scope.account}:root`, `lambda:${operation}`, outcome.arn);
    default:
      return unreachable(outcome);
  }
}

/** For operations on a function as a whole. */
export function unqualifiedFunctionNamed(
  call: Call,
  operation: string,
  functionName: string | undefined,
): FunctionName {
  const { name, qualifier } = functionNamed(call, operation, functionName);
  if (qualifier !== undefined) throw onlyForFunctions();
  return name;
}

/** For operations on what `$LATEST` is. */
export function latestFunctionNamed(call: Call, operation: string, functionName: string | undefined): FunctionName {
  const { name, qualifier } = functionNamed(call, operation, functionName);
  if (qualifier !== undefined && qualifier !== latestVersion) {
    throw invalidParameter("Current operation does not support versions other than $LATEST.");
  }
  return name;
}
