/** What a role may do: its inline policies, the managed policies attached to it, and its permissions boundary. */
import type {
  AttachRolePolicyRequest,
  DeleteRolePermissionsBoundaryRequest,
  DeleteRolePolicyRequest,
  DetachRolePolicyRequest,
  GetRolePolicyRequest,
  GetRolePolicyResponse,
  ListAttachedRolePoliciesRequest,
  ListAttachedRolePoliciesResponse,
  ListRolePoliciesRequest,
  ListRolePoliciesResponse,
  PutRolePermissionsBoundaryRequest,
  PutRolePolicyRequest,
} from "@aws-sdk/client-iam";
import type { Iam } from "../../control-plane/iam/iam.ts";
import { parseEntityArn } from "../../control-plane/iam/records.ts";
import type { CallContext, Handlers } from "../service.ts";
import { pageOf } from "./paging.ts";
import { encodeDocument } from "./shapes.ts";

export function rolePolicyHandlers({ iam }: { readonly iam: Iam }): Handlers {
  const { roles } = iam;
  return {
    async PutRolePolicy(request: PutRolePolicyRequest, { scope }: CallContext): Promise<object> {
      const { RoleName = "", PolicyName = "", PolicyDocument = "" } = request;
      await roles.putInlinePolicy(scope.account, RoleName, PolicyName, PolicyDocument);
      return {};
    },

    async GetRolePolicy(
      { RoleName = "", PolicyName = "" }: GetRolePolicyRequest,
      { scope }: CallContext,
    ): Promise<GetRolePolicyResponse> {
      const document = await roles.inlinePolicy(scope.account, RoleName, PolicyName);
      return { RoleName, PolicyName, PolicyDocument: encodeDocument(document) };
    },

    async ListRolePolicies(
      request: ListRolePoliciesRequest,
      { scope }: CallContext,
    ): Promise<ListRolePoliciesResponse> {
      const { inlinePolicies } = await roles.get(scope.account, request.RoleName ?? "");
      const { page, marks } = pageOf(inlinePolicies, ({ name }) => name, request);
      return { PolicyNames: page.map(({ name }) => name), ...marks };
    },

    async DeleteRolePolicy(
      { RoleName = "", PolicyName = "" }: DeleteRolePolicyRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await roles.deleteInlinePolicy(scope.account, RoleName, PolicyName);
      return {};
    },

    async AttachRolePolicy(
      { RoleName = "", PolicyArn = "" }: AttachRolePolicyRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await roles.attach(scope.account, RoleName, PolicyArn);
      return {};
    },

    async DetachRolePolicy(
      { RoleName = "", PolicyArn = "" }: DetachRolePolicyRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await roles.detach(scope.account, RoleName, PolicyArn);
      return {};
    },

    async ListAttachedRolePolicies(
      request: ListAttachedRolePoliciesRequest,
      { scope }: CallContext,
    ): Promise<ListAttachedRolePoliciesResponse> {
      const { RoleName = "", PathPrefix = "/" } = request;
      const { attachedPolicies } = await roles.get(scope.account, RoleName);
      const found = attachedPolicies.flatMap((arn) => {
        const parsed = parseEntityArn("iam-policy", arn);
        return parsed?.path.startsWith(PathPrefix) === true ? [{ PolicyName: parsed.name, PolicyArn: arn }] : [];
      });
      const { page, marks } = pageOf(found, ({ PolicyName, PolicyArn }) => `${PolicyName} ${PolicyArn}`, request);
      return { AttachedPolicies: [...page], ...marks };
    },

    async PutRolePermissionsBoundary(
      { RoleName = "", PermissionsBoundary = "" }: PutRolePermissionsBoundaryRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await roles.setBoundary(scope.account, RoleName, PermissionsBoundary);
      return {};
    },

    async DeleteRolePermissionsBoundary(
      { RoleName = "" }: DeleteRolePermissionsBoundaryRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await roles.setBoundary(scope.account, RoleName, undefined);
      return {};
    },
  };
}
