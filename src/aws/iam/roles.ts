/** Roles: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html and its neighbours. */
import type {
  CreateRoleRequest,
  CreateRoleResponse,
  DeleteRoleRequest,
  GetRoleRequest,
  GetRoleResponse,
  ListRolesRequest,
  ListRolesResponse,
  ListRoleTagsRequest,
  ListRoleTagsResponse,
  TagRoleRequest,
  UntagRoleRequest,
  UpdateAssumeRolePolicyRequest,
  UpdateRoleDescriptionRequest,
  UpdateRoleDescriptionResponse,
  UpdateRoleRequest,
} from "@aws-sdk/client-iam";
import type { Iam } from "../../control-plane/iam/iam.ts";
import type { CallContext, Handlers } from "../service.ts";
import { pageOf } from "./paging.ts";
import { showDescribedRole, showListedRole, showNewRole, showRole, showTags, tagsOf } from "./shapes.ts";

export function roleHandlers({ iam }: { readonly iam: Iam }): Handlers {
  const { roles } = iam;
  return {
    async CreateRole(request: CreateRoleRequest, { scope }: CallContext): Promise<CreateRoleResponse> {
      const { RoleName = "", AssumeRolePolicyDocument = "", Path = "/" } = request;
      const role = await roles.create({
        account: scope.account,
        name: RoleName,
        path: Path,
        trustPolicy: AssumeRolePolicyDocument,
        description: request.Description,
        maxSessionSeconds: request.MaxSessionDuration,
        permissionsBoundary: request.PermissionsBoundary,
        tags: tagsOf(request.Tags),
      });
      return { Role: showNewRole(role) };
    },

    async GetRole({ RoleName = "" }: GetRoleRequest, { scope }: CallContext): Promise<GetRoleResponse> {
      return { Role: showRole(await roles.get(scope.account, RoleName)) };
    },

    async ListRoles(request: ListRolesRequest, { scope }: CallContext): Promise<ListRolesResponse> {
      const { PathPrefix = "/" } = request;
      const found = (await roles.all(scope.account)).filter(({ path }) => path.startsWith(PathPrefix));
      const { page, marks } = pageOf(found, ({ name }) => name.toLowerCase(), request);
      return { Roles: page.map(showListedRole), ...marks };
    },

    async UpdateRole(request: UpdateRoleRequest, { scope }: CallContext): Promise<object> {
      const { RoleName = "", Description, MaxSessionDuration } = request;
      await roles.update(scope.account, RoleName, {
        description: Description,
        maxSessionSeconds: MaxSessionDuration,
      });
      return {};
    },

    async UpdateRoleDescription(
      { RoleName = "", Description = "" }: UpdateRoleDescriptionRequest,
      { scope }: CallContext,
    ): Promise<UpdateRoleDescriptionResponse> {
      const role = await roles.update(scope.account, RoleName, { description: Description });
      return { Role: showDescribedRole(role) };
    },

    async UpdateAssumeRolePolicy(
      { RoleName = "", PolicyDocument = "" }: UpdateAssumeRolePolicyRequest,
      { scope }: CallContext,
    ): Promise<object> {
      await roles.updateTrustPolicy(scope.account, RoleName, PolicyDocument);
      return {};
    },

    async DeleteRole({ RoleName = "" }: DeleteRoleRequest, { scope }: CallContext): Promise<object> {
      await iam.deleteRole(scope.account, RoleName);
      return {};
    },

    async TagRole({ RoleName = "", Tags }: TagRoleRequest, { scope }: CallContext): Promise<object> {
      await roles.tag(scope.account, RoleName, tagsOf(Tags));
      return {};
    },

    async UntagRole({ RoleName = "", TagKeys = [] }: UntagRoleRequest, { scope }: CallContext): Promise<object> {
      await roles.untag(scope.account, RoleName, TagKeys);
      return {};
    },

    async ListRoleTags(request: ListRoleTagsRequest, { scope }: CallContext): Promise<ListRoleTagsResponse> {
      const { tags } = await roles.get(scope.account, request.RoleName ?? "");
      const { page, marks } = pageOf(tags, ({ key }) => key, request);
      return { Tags: showTags(page), ...marks };
    },
  };
}
