/**
 * IAM, as far as tools that deploy functions use it. What is not in this table is refused by the wire.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html
 */
import type { Iam } from "../../control-plane/iam/iam.ts";
import type { Handlers } from "../service.ts";
import { accountHandlers } from "./account.ts";
import { instanceProfileHandlers } from "./instance-profiles.ts";
import { policyHandlers } from "./policies.ts";
import { rolePolicyHandlers } from "./role-policies.ts";
import { roleHandlers } from "./roles.ts";
import { serviceLinkedRoleHandlers } from "./service-linked-roles.ts";

export function iamHandlers(dependencies: { readonly iam: Iam }): Handlers {
  return {
    ...roleHandlers(dependencies),
    ...rolePolicyHandlers(dependencies),
    ...policyHandlers(dependencies),
    ...instanceProfileHandlers(dependencies),
    ...serviceLinkedRoleHandlers(dependencies),
    ...accountHandlers(dependencies),
  };
}

const notEnforced = "Checked for grammar, kept and answered; not enforced.";

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  AttachRolePolicy: `${notEnforced} Of AWS's own policies those in docs/iam.md.`,
  CreatePolicy: notEnforced,
  CreatePolicyVersion: notEnforced,
  CreateRole:
    "The trust policy is obeyed by AssumeRole, and by CreateFunction with `checkRoles`; principals need not exist.",
  CreateServiceLinkedRole: "Those of Lambda, API Gateway, EventBridge and Application Auto Scaling.",
  GetPolicy: "Of AWS's own policies those in docs/iam.md.",
  GetPolicyVersion: "Of AWS's own policies the default version of those in docs/iam.md.",
  GetRole: "`RoleLastUsed` tells of AssumeRole only, to the hour.",
  GetUser: "The account's root; there are no users.",
  ListEntitiesForPolicy: "Roles; there are no users and groups.",
  ListPolicies: "Of AWS's own policies those in docs/iam.md.",
  PutRolePermissionsBoundary: notEnforced,
  PutRolePolicy: notEnforced,
};
