/**
 * Calls from one account to a function of another: allowed when the function's resource policy grants them, and then
 * served as the function's own account would be. Within one account nothing is asked and nothing is read.
 * https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-cross-account.html
 */
import { parseFunctionArn, parseFunctionReference, type FunctionArnParts } from "../../core/arn.ts";
import { functionArn } from "../../core/function-record.ts";
import type { AccessRequest } from "../../control-plane/policies/authorization.ts";
import type { CallContext, Handlers } from "../service.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { accessDenied } from "./refusals.ts";

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

/** The same handlers, open to the accounts that resource policies name. */
export function openToOtherAccounts(handlers: Handlers, services: LambdaServices): Handlers {
  const opened = Object.entries(handlers).map(([operation, handler]) => {
    const action = grantableActions[operation];
    if (action === undefined) return [operation, handler] as const;
    const serve = (request: never, context: CallContext): unknown => {
      const foreign = foreignFunction(request, context);
      if (foreign === undefined) return handler(request, context);
      return authorized(services, foreign, action, context).then((inAccount) => handler(request, inAccount));
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
  // What is tagged may be no function, which the looser grammar of names does not see.
  return parseFunctionArn(request.FunctionName === undefined ? name : outcome.arn);
}

/** The call as one of the function's account. Throws AccessDeniedException when no policy grants it. */
async function authorized(
  services: LambdaServices,
  foreign: FunctionArnParts,
  action: string,
  context: CallContext,
): Promise<CallContext> {
  const { scope, name, qualifier } = foreign;
  const identity = await identityOf(services, context);
  const target = { scope, name, ...(qualifier === undefined ? {} : { qualifier }) };
  const isGranted = await services.policies.grants(target, { action, account: context.scope.account, ...identity });
  if (isGranted) return inAccountOf(foreign, context);
  throw accessDenied(identity.sessionArn ?? identity.principalArn, action, functionArn(scope, name, qualifier));
}

/** A function calls as its role, in a session that has the function's name. */
async function identityOf(
  { functions }: LambdaServices,
  { scope, caller }: CallContext,
): Promise<Pick<AccessRequest, "principalArn" | "sessionArn">> {
  const root = `arn:aws:iam::${scope.account}:root`;
  if (caller.kind === "client") return { principalArn: root };
  if (caller.kind === "session") {
    return { principalArn: caller.session.roleArn ?? root, sessionArn: caller.session.arn };
  }
  const from = parseFunctionArn(caller.functionArn);
  const role = from === undefined ? undefined : (await functions.find(from.scope, from.name))?.latest.role;
  if (from === undefined || role === undefined) return { principalArn: root };
  const roleName = role.slice(role.lastIndexOf("/") + 1);
  return {
    principalArn: role,
    sessionArn: `arn:aws:sts::${scope.account}:assumed-role/${roleName}/${from.name}`,
  };
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
