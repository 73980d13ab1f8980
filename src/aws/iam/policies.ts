/** Managed policies: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html and its neighbours. */
import type {
  CreatePolicyRequest,
  CreatePolicyResponse,
  CreatePolicyVersionRequest,
  CreatePolicyVersionResponse,
  DeletePolicyRequest,
  DeletePolicyVersionRequest,
  GetPolicyRequest,
  GetPolicyResponse,
  GetPolicyVersionRequest,
  GetPolicyVersionResponse,
  ListEntitiesForPolicyRequest,
  ListEntitiesForPolicyResponse,
  ListPoliciesRequest,
  ListPoliciesResponse,
  ListPolicyTagsRequest,
  ListPolicyTagsResponse,
  ListPolicyVersionsRequest,
  ListPolicyVersionsResponse,
  SetDefaultPolicyVersionRequest,
  TagPolicyRequest,
  UntagPolicyRequest,
} from "@aws-sdk/client-iam";
import { awsManagedPolicies } from "../../control-plane/iam/aws-managed-policies.ts";
import { usageOf, type Iam, type PolicyUsage } from "../../control-plane/iam/iam.ts";
import { entityArn } from "../../control-plane/iam/records.ts";
import type { CallContext, Handlers } from "../service.ts";
import { pageOf } from "./paging.ts";
import {
  showListedPolicy,
  showListedVersion,
  showNewPolicy,
  showPolicy,
  showTags,
  showVersion,
  tagsOf,
} from "./shapes.ts";

export function policyHandlers({ iam }: { readonly iam: Iam }): Handlers {
  const { policies, roles } = iam;
  return {
    async CreatePolicy(request: CreatePolicyRequest, { scope }: CallContext): Promise<CreatePolicyResponse> {
      const { PolicyName = "", PolicyDocument = "", Path = "/", Description } = request;
      const policy = await policies.create({
        account: scope.account,
        name: PolicyName,
        path: Path,
        document: PolicyDocument,
        description: Description,
        tags: tagsOf(request.Tags),
      });
      return { Policy: showNewPolicy(policy) };
    },

    async GetPolicy({ PolicyArn = "" }: GetPolicyRequest, { scope }: CallContext): Promise<GetPolicyResponse> {
      const policy = await policies.get(scope.account, PolicyArn);
      return { Policy: showPolicy(policy, usageOf(PolicyArn, await roles.all(scope.account))) };
    },

    async ListPolicies(request: ListPoliciesRequest, { scope }: CallContext): Promise<ListPoliciesResponse> {
      const { Scope = "All", OnlyAttached = false, PathPrefix = "/", PolicyUsageFilter } = request;
      const own = Scope === "AWS" ? [] : await policies.all(scope.account);
      const all = Scope === "Local" ? own : [...own, ...awsManagedPolicies()];
      const accountRoles = await roles.all(scope.account);
      const found = all
        .filter(({ path }) => path.startsWith(PathPrefix))
        .map((policy) => ({ policy, usage: usageOf(entityArn("iam-policy", policy), accountRoles) }))
        .filter(({ usage }) => !OnlyAttached || usage.attachedTo.length + usage.boundaryOf.length > 0)
        .filter(({ usage }) => isUsedAs(usage, PolicyUsageFilter));
      // The account's own come first.
      const keyOf = ({ policy }: (typeof found)[number]): string =>
        `${policy.account === scope.account ? 0 : 1} ${policy.name.toLowerCase()}`;
      const { page, marks } = pageOf(found, keyOf, request);
      return { Policies: page.map(({ policy, usage }) => showListedPolicy(policy, usage)), ...marks };
    },

    async DeletePolicy({ PolicyArn = "" }: DeletePolicyRequest, { scope }: CallContext): Promise<object> {
      await iam.deletePolicy(scope.account, PolicyArn);
      return {};
    },

    async CreatePolicyVersion(
      { PolicyArn = "", PolicyDocument = "", SetAsDefault = false }: CreatePolicyVersionRequest,
      { scope }: CallContext,
    ): Promise<CreatePolicyVersionResponse> {
      const input = { document: PolicyDocument, isDefault: SetAsDefault };
      const { policy, version } = await policies.createVersion(scope.account, PolicyArn, input);
      return { PolicyVersion: showListedVersion(policy, version) };
    },

    async GetPolicyVersion(
      { PolicyArn = "", VersionId = "" }: GetPolicyVersionRequest,
      { scope }: CallContext,
    ): Promise<GetPolicyVersionResponse> {
      const { policy, version } = await policies.version(scope.account, PolicyArn, VersionId);
      return { PolicyVersion: showVersion(policy, version) };
    },

    async ListPolicyVersions(
      request: ListPolicyVersionsRequest,
      { scope }: CallContext,
    ): Promise<ListPolicyVersionsResponse> {
      const policy = await policies.get(scope.account, request.PolicyArn ?? "");
      // The newest comes first.
      const { page, marks } = pageOf(
        policy.versions,
        ({ number }) => String(Number.MAX_SAFE_INTEGER - number).padStart(16, "0"),
        request,
      );
      return { Versions: page.map((version) => showListedVersion(policy, version)), ...marks };
    },

    async DeletePolicyVersion(
      { PolicyArn = "", VersionId = "" }: DeletePolicyVersionRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await policies.deleteVersion(scope.account, PolicyArn, VersionId);
      return {};
    },

    async SetDefaultPolicyVersion(
      { PolicyArn = "", VersionId = "" }: SetDefaultPolicyVersionRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await policies.setDefaultVersion(scope.account, PolicyArn, VersionId);
      return {};
    },

    async ListEntitiesForPolicy(
      request: ListEntitiesForPolicyRequest,
      { scope }: CallContext,
    ): Promise<ListEntitiesForPolicyResponse> {
      const { PolicyArn = "", EntityFilter = "Role", PathPrefix = "/", PolicyUsageFilter } = request;
      await policies.get(scope.account, PolicyArn);
      const { attachedTo, boundaryOf } = usageOf(PolicyArn, await roles.all(scope.account));
      const using = {
        PermissionsPolicy: attachedTo,
        PermissionsBoundary: boundaryOf,
        any: [...new Set([...attachedTo, ...boundaryOf])],
      }[PolicyUsageFilter ?? "any"];
      // Nothing but roles has policies here.
      const found = EntityFilter === "Role" ? using.filter(({ path }) => path.startsWith(PathPrefix)) : [];
      const { page, marks } = pageOf(found, ({ name }) => name.toLowerCase(), request);
      return {
        PolicyGroups: [],
        PolicyUsers: [],
        PolicyRoles: page.map(({ name, id }) => ({ RoleName: name, RoleId: id })),
        ...marks,
      };
    },

    async TagPolicy({ PolicyArn = "", Tags }: TagPolicyRequest, { scope }: CallContext): Promise<object> {
      await policies.tag(scope.account, PolicyArn, tagsOf(Tags));
      return {};
    },

    async UntagPolicy({ PolicyArn = "", TagKeys = [] }: UntagPolicyRequest, { scope }: CallContext): Promise<object> {
      await policies.untag(scope.account, PolicyArn, TagKeys);
      return {};
    },

    async ListPolicyTags(request: ListPolicyTagsRequest, { scope }: CallContext): Promise<ListPolicyTagsResponse> {
      const { tags } = await policies.get(scope.account, request.PolicyArn ?? "");
      const { page, marks } = pageOf(tags, ({ key }) => key, request);
      return { Tags: showTags(page), ...marks };
    },
  };
}

function isUsedAs(usage: PolicyUsage, filter: ListPoliciesRequest["PolicyUsageFilter"]): boolean {
  if (filter === undefined) return true;
  return (filter === "PermissionsPolicy" ? usage.attachedTo : usage.boundaryOf).length > 0;
}
