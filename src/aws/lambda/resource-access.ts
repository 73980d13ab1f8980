/**
 * Calls from one account to a function of another: allowed when the function's resource policy grants them, and then
 * served as the function's own account would be. Within one account nothing is asked and nothing is read.
 * https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-cross-account.html
 */
import { parseFunctionArn, parseFunctionReference, type FunctionArnParts } from "../../core/arn.ts";
import type { CallContext, Handlers } from "../service.ts";
import type { LambdaServices } from "./lambda-services.ts";

/** What a resource policy can grant to another account, by operation. */
const grantableActions: Readonly<Record<string, string>> = {
  CreateAlias: "lambda:CreateAlias",
  DeleteAlias: "lambda:DeleteAlias",
  DeleteFunction: "lambda:DeleteFunction",
  DeleteFunctionConcurrency: "lambda:DeleteFunctionConcurrency",
  DeleteFunctionEventInvokeConfig: "lambda:DeleteFunctionEventInvokeConfig",
  DeleteProvisionedConcurrencyConfig: "lambda:DeleteProvisionedConcurrencyConfig",
  GetAlias: "lambda:GetAlias",
  GetFunction: "lambda:GetFunction",
  GetFunctionConcurrency: "lambda:GetFunctionConcurrency",
  GetFunctionConfiguration: "lambda:GetFunctionConfiguration",
  GetFunctionEventInvokeConfig: "lambda:GetFunctionEventInvokeConfig",
  GetPolicy: "lambda:GetPolicy",
  GetProvisionedConcurrencyConfig: "lambda:GetProvisionedConcurrencyConfig",
  Invoke: "lambda:InvokeFunction",
  InvokeAsync: "lambda:InvokeFunction",
  InvokeWithResponseStream: "lambda:InvokeFunction",
  ListAliases: "lambda:ListAliases",
  ListFunctionEventInvokeConfigs: "lambda:ListFunctionEventInvokeConfigs",
  ListProvisionedConcurrencyConfigs: "lambda:ListProvisionedConcurrencyConfigs",
  ListTags: "lambda:ListTags",
  ListVersionsByFunction: "lambda:ListVersionsByFunction",
  PublishVersion: "lambda:PublishVersion",
  PutFunctionConcurrency: "lambda:PutFunctionConcurrency",
  PutFunctionEventInvokeConfig: "lambda:PutFunctionEventInvokeConfig",
  PutProvisionedConcurrencyConfig: "lambda:PutProvisionedConcurrencyConfig",
  TagResource: "lambda:TagResource",
  UntagResource: "lambda:UntagResource",
  UpdateAlias: "lambda:UpdateAlias",
  UpdateFunctionCode: "lambda:UpdateFunctionCode",
  UpdateFunctionEventInvokeConfig: "lambda:UpdateFunctionEventInvokeConfig",
};

interface FunctionRequest {
  readonly FunctionName?: string;
  readonly Qualifier?: string;
  /** Of tags. */
  readonly Resource?: string;
}

/** The same handlers, open to the accounts that resource policies name. What no policy grants, they refuse themselves. */
export function openToOtherAccounts(handlers: Handlers, services: LambdaServices): Handlers {
  const opened = Object.entries(handlers).map(([operation, handler]) => {
    const action = grantableActions[operation];
    if (action === undefined) return [operation, handler] as const;
    const serve = (request: never, context: CallContext): unknown => {
      const foreign = foreignFunction(request, context);
      if (foreign === undefined) return handler(request, context);
      return isGranted(services, foreign, action, context).then((granted) =>
        handler(request, granted ? inAccountOf(foreign, context) : context),
      );
    };
    return [operation, serve] as const;
  });
  return Object.fromEntries(opened);
}

/** The function of another account that a request names; undefined for all else. Bare names need no look. */
function foreignFunction(request: FunctionRequest, { scope }: CallContext): FunctionArnParts | undefined {
  const name = request.FunctionName ?? request.Resource;
  if (name?.includes(":") !== true) return undefined;
  const outcome = parseFunctionReference(name, request.Qualifier === "" ? undefined : request.Qualifier, scope);
  if (outcome.kind !== "other-account") return undefined;
  return parseFunctionArn(outcome.arn);
}

async function isGranted(
  { policies, functions }: LambdaServices,
  { scope, name, qualifier }: FunctionArnParts,
  action: string,
  { scope: callersScope, caller }: CallContext,
): Promise<boolean> {
  const { account } = callersScope;
  const from = caller.kind === "environment" ? parseFunctionArn(caller.functionArn) : undefined;
  // A function calls as its role, and so does a session.
  const own = caller.kind === "session" ? caller.session.roleArn : undefined;
  const role = from === undefined ? own : (await functions.find(from.scope, from.name))?.latest.role;
  const principalArn = role ?? `arn:aws:iam::${account}:root`;
  const target = { scope, name, ...(qualifier === undefined ? {} : { qualifier }) };
  return policies.grants(target, { action, account, principalArn });
}

function inAccountOf({ scope }: FunctionArnParts, context: CallContext): CallContext {
  const { requestId, caller, headers } = context;
  return {
    scope,
    requestId,
    caller,
    headers,
    get signal() {
      return context.signal;
    },
    get responseHeaders() {
      return context.responseHeaders;
    },
  };
}
