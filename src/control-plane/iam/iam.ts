/**
 * IAM's records: what tools that deploy functions create, read and delete. Policies are kept and answered, not
 * enforced; only who may assume a role is obeyed.
 */
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import { Gate } from "../../core/gate.ts";
import type { Scope } from "../../core/identity.ts";
import type { Records } from "../../engine/contract.ts";
import { InstanceProfiles } from "./instance-profiles.ts";
import { ManagedPolicies } from "./managed-policies.ts";
import { parseTrustPolicy } from "./policy-document.ts";
import { entityArn, parseEntityArn, type RoleRecord } from "./records.ts";
import { Roles } from "./roles.ts";
import { isTrusted, type TrustRequest } from "./trust.ts";
import type { RandomBytes } from "./unique-id.ts";

export interface IamOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface PolicyUsage {
  readonly attachedTo: readonly RoleRecord[];
  readonly boundaryOf: readonly RoleRecord[];
}

export class Iam {
  readonly roles: Roles;
  readonly policies: ManagedPolicies;
  readonly instanceProfiles: InstanceProfiles;

  constructor(options: IamOptions) {
    const together = new Gate(1);
    this.policies = new ManagedPolicies({ ...options, together });
    this.roles = new Roles({ ...options, together, policies: this.policies });
    this.instanceProfiles = new InstanceProfiles({ ...options, together, roles: this.roles });
  }

  /** The role of that ARN in the caller's account or any other; undefined when there is none. */
  async roleOf(arn: string): Promise<RoleRecord | undefined> {
    const parsed = parseEntityArn("iam-role", arn);
    if (parsed === undefined) return undefined;
    const role = await this.roles.find(parsed.account, parsed.name);
    return role !== undefined && entityArn("iam-role", role) === arn ? role : undefined;
  }

  deleteRole(account: string, name: string): Promise<void> {
    return this.roles.delete(
      account,
      name,
      async (role) => (await this.instanceProfiles.holding(account, role.name)).length > 0,
    );
  }

  deletePolicy(account: string, arn: string): Promise<void> {
    return this.policies.delete(account, arn, async () => {
      const { attachedTo, boundaryOf } = usageOf(arn, await this.roles.all(account));
      return attachedTo.length + boundaryOf.length > 0;
    });
  }

  /** Why Lambda cannot run a function as that role, in Lambda's words; undefined when it can. */
  async lambdaRoleProblem({ account }: Scope, roleArn: string): Promise<ApiError | undefined> {
    if (parseEntityArn("iam-role", roleArn)?.account !== account) {
      return new ApiError("AccessDeniedException", "Cross-account pass role is not allowed.");
    }
    const role = await this.roleOf(roleArn);
    const request: TrustRequest = {
      action: "sts:AssumeRole",
      caller: { kind: "service", name: "lambda.amazonaws.com" },
      context: new Map([["aws:sourceaccount", account]]),
      // Which function will ask is not known yet.
      ignoresUnknownKeys: true,
    };
    if (role !== undefined && isTrusted(parseTrustPolicy(role.trustPolicy), request)) return undefined;
    return new ApiError(
      "InvalidParameterValueException",
      "The role defined for the function cannot be assumed by Lambda.",
    );
  }
}

/** Which of `roles` have the policy. */
export function usageOf(policyArn: string, roles: readonly RoleRecord[]): PolicyUsage {
  return {
    attachedTo: roles.filter(({ attachedPolicies }) => attachedPolicies.includes(policyArn)),
    boundaryOf: roles.filter(({ permissionsBoundary }) => permissionsBoundary === policyArn),
  };
}
