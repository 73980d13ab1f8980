/** What concerns the account as a whole: who its root is, and how much of its quotas is used. */
import type { GetAccountSummaryResponse, GetUserRequest, GetUserResponse } from "@aws-sdk/client-iam";
import type { Iam } from "../../control-plane/iam/iam.ts";
import { noSuchEntity, quotas, validationError } from "../../control-plane/iam/refusals.ts";
import type { CallContext, Handlers } from "../service.ts";

export function accountHandlers({ iam }: { readonly iam: Iam }): Handlers {
  return {
    /** There are no users: the one who calls is the account's root, or a session, which is none. */
    GetUser({ UserName }: GetUserRequest, { scope: { account }, caller }: CallContext): GetUserResponse {
      if (UserName !== undefined) throw noSuchEntity(`The user with name ${UserName} cannot be found.`);
      if (caller.kind !== "client") {
        throw validationError("Must specify userName when calling with non-User credentials");
      }
      const root = { Path: "/", UserId: account, Arn: `arn:aws:iam::${account}:root` };
      return { User: { ...root, UserName: undefined, CreateDate: undefined } };
    },

    async GetAccountSummary(_request: object, { scope: { account } }: CallContext): Promise<GetAccountSummaryResponse> {
      const [roles, policies, profiles] = await Promise.all([
        iam.roles.all(account),
        iam.policies.all(account),
        iam.instanceProfiles.all(account),
      ]);
      return {
        SummaryMap: {
          Roles: roles.length,
          RolesQuota: quotas.RolesPerAccount,
          Policies: policies.length,
          PoliciesQuota: quotas.PoliciesPerAccount,
          PolicySizeQuota: quotas.PolicySize,
          PolicyVersionsInUse: policies.reduce((total, { versions }) => total + versions.length, 0),
          VersionsPerPolicyQuota: quotas.VersionsPerPolicy,
          InstanceProfiles: profiles.length,
          InstanceProfilesQuota: quotas.InstanceProfilesPerAccount,
          AttachedPoliciesPerRoleQuota: quotas.PoliciesPerRole,
          AssumeRolePolicySizeQuota: quotas.ACLSizePerRole,
          Users: 0,
          Groups: 0,
        },
      };
    },
  };
}
