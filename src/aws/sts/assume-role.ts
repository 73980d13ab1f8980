/**
 * Temporary credentials of a role, for whom its trust policy allows it.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 *
 * Differs from AWS: the account's root, which is who a client without a session is, may assume roles.
 */
import type { AssumeRoleRequest, AssumeRoleResponse } from "@aws-sdk/client-sts";
import { ApiError } from "../../core/errors.ts";
import type { Iam } from "../../control-plane/iam/iam.ts";
import { parsePolicy, parseTrustPolicy } from "../../control-plane/iam/policy-document.ts";
import type { RoleRecord } from "../../control-plane/iam/records.ts";
import { isTrusted, type Caller as TrustCaller, type TrustAction } from "../../control-plane/iam/trust.ts";
import type { Session, Sessions } from "../auth/sessions.ts";
import type { CallContext, Handler } from "../service.ts";
import { refuseMfa, showCredentials } from "./session-token.ts";

const defaultSeconds = 3600;

/** A session of a role that was assumed from another session, in seconds. */
const chainedSecondsMax = 3600;

const sessionPoliciesMax = 10;

/** Characters of session policies and their ARNs together, of which PackedPolicySize tells the share in use. */
const sessionPolicyLengthMax = 2048;

export interface AssumeRoleDependencies {
  readonly iam: Pick<Iam, "roleOf" | "roles" | "policies">;
  readonly sessions: Pick<Sessions, "issue">;
}

export function assumeRole(
  { iam, sessions }: AssumeRoleDependencies,
  identify: (context: CallContext) => Promise<Session>,
): Handler<AssumeRoleRequest, AssumeRoleResponse> {
  return async (request, context) => {
    const { RoleArn: roleArn = "", RoleSessionName: sessionName = "", SourceIdentity: sourceIdentity } = request;
    checkArn(roleArn);
    checkTags(request);
    const caller = await identify(context);
    const role = await iam.roleOf(roleArn);
    requireTrust(role, caller, request);
    const durationSeconds = durationOf(request, role, caller);
    refuseMfa(request);
    const packedPolicySize = await checkSessionPolicies(request, role.account, iam);
    await iam.roles.noteUse(role.account, role.name, context.scope.region);

    const session: Session = {
      account: role.account,
      arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${sessionName}`,
      userId: `${role.id}:${sessionName}`,
      roleArn,
    };
    return {
      Credentials: showCredentials(sessions.issue(session, durationSeconds)),
      AssumedRoleUser: { AssumedRoleId: session.userId, Arn: session.arn },
      ...(packedPolicySize === undefined ? {} : { PackedPolicySize: packedPolicySize }),
      ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
    };
  };
}

/** `arn:partition:service:region:account:resource`, where region and account may be empty. */
function checkArn(arn: string): void {
  const [prefix, partition, service, , , ...resource] = arn.split(":");
  if (prefix === "arn" && partition !== "" && service !== "" && resource.join(":") !== "") return;
  throw new ApiError("ValidationError", `${arn} is invalid`);
}

function checkTags({ Tags = [], TransitiveTagKeys = [] }: AssumeRoleRequest): void {
  const keys = new Set(Tags.map(({ Key = "" }) => Key.toLowerCase()));
  if (keys.size < Tags.length) {
    throw invalidParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  if (!TransitiveTagKeys.every((key) => keys.has(key.toLowerCase()))) {
    throw invalidParameter("The specified transitive tag key must be included in the requested tags.");
  }
}

/** Throws AccessDenied, which tells a role that is not there from one that does not trust the caller as little as AWS's. */
function requireTrust(
  role: RoleRecord | undefined,
  caller: Session,
  request: AssumeRoleRequest,
): asserts role is RoleRecord {
  const statements = role === undefined ? [] : parseTrustPolicy(role.trustPolicy);
  const actions: TrustAction[] = ["sts:AssumeRole"];
  if ((request.Tags ?? []).length > 0) actions.push("sts:TagSession");
  if (request.SourceIdentity !== undefined) actions.push("sts:SetSourceIdentity");
  const trustCaller = trustCallerOf(caller);
  const context = trustContext(caller, request);
  for (const action of actions) {
    if (isTrusted(statements, { action, caller: trustCaller, context, ignoresUnknownKeys: false })) continue;
    const resource = request.RoleArn ?? "";
    throw new ApiError(
      "AccessDeniedException",
      `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource}`,
    );
  }
}

function trustCallerOf({ account, arn, roleArn }: Session): TrustCaller {
  return roleArn === undefined ? { kind: "account", account } : { kind: "session", account, roleArn, sessionArn: arn };
}

function trustContext(caller: Session, request: AssumeRoleRequest): ReadonlyMap<string, string> {
  const context = new Map([
    ["aws:principalaccount", caller.account],
    ["aws:principalarn", caller.roleArn ?? caller.arn],
    ["aws:principaltype", caller.roleArn === undefined ? "Account" : "AssumedRole"],
    ["aws:userid", caller.userId],
    ["sts:rolesessionname", request.RoleSessionName ?? ""],
  ]);
  if (request.ExternalId !== undefined) context.set("sts:externalid", request.ExternalId);
  if (request.SourceIdentity !== undefined) context.set("sts:sourceidentity", request.SourceIdentity);
  for (const { Key = "", Value = "" } of request.Tags ?? []) context.set(`aws:requesttag/${Key.toLowerCase()}`, Value);
  return context;
}

function durationOf(
  { DurationSeconds = defaultSeconds }: AssumeRoleRequest,
  role: RoleRecord,
  caller: Session,
): number {
  if (DurationSeconds > role.maxSessionSeconds) {
    throw new ApiError(
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
  }
  if (caller.roleArn !== undefined && DurationSeconds > chainedSecondsMax) {
    throw new ApiError(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
  }
  return DurationSeconds;
}

/**
 * The share of what a session's policies may take that these take, in percent; undefined when there are none.
 * Differs from AWS: PackedPolicySize counts the characters of session policies, not their packed form.
 */
async function checkSessionPolicies(
  { Policy, PolicyArns = [] }: AssumeRoleRequest,
  account: string,
  iam: AssumeRoleDependencies["iam"],
): Promise<number | undefined> {
  if (Policy === undefined && PolicyArns.length === 0) return undefined;
  if (PolicyArns.length > sessionPoliciesMax) {
    throw new ApiError(
      "ValidationError",
      "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: " +
        `Member must have length less than or equal to ${sessionPoliciesMax}`,
    );
  }
  if (Policy !== undefined) parsePolicy(Policy);
  for (const { arn = "" } of PolicyArns) await iam.policies.requireAttachable(account, arn);
  const length = [Policy ?? "", ...PolicyArns.map(({ arn = "" }) => arn)].join("").length;
  const percent = Math.ceil((100 * length) / sessionPolicyLengthMax);
  if (percent <= 100) return percent;
  throw new ApiError(
    "PackedPolicyTooLargeException",
    `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`,
  );
}

function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterValue", message);
}
