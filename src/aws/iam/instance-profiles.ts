/** Instance profiles: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html, its neighbours. */
import type {
  AddRoleToInstanceProfileRequest,
  CreateInstanceProfileRequest,
  CreateInstanceProfileResponse,
  DeleteInstanceProfileRequest,
  GetInstanceProfileRequest,
  GetInstanceProfileResponse,
  ListInstanceProfilesForRoleRequest,
  ListInstanceProfilesForRoleResponse,
  ListInstanceProfilesRequest,
  ListInstanceProfilesResponse,
  ListInstanceProfileTagsRequest,
  ListInstanceProfileTagsResponse,
  RemoveRoleFromInstanceProfileRequest,
  TagInstanceProfileRequest,
  UntagInstanceProfileRequest,
} from "@aws-sdk/client-iam";
import type { Iam } from "../../control-plane/iam/iam.ts";
import type { CallContext, Handlers } from "../service.ts";
import { pageOf } from "./paging.ts";
import { showListedProfile, showNewProfile, showProfile, showTags, tagsOf } from "./shapes.ts";

export function instanceProfileHandlers({ iam }: { readonly iam: Iam }): Handlers {
  const { instanceProfiles, roles } = iam;
  return {
    async CreateInstanceProfile(
      { InstanceProfileName = "", Path = "/", Tags }: CreateInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<CreateInstanceProfileResponse> {
      const profile = { account, name: InstanceProfileName, path: Path, tags: tagsOf(Tags) };
      return { InstanceProfile: showNewProfile(await instanceProfiles.create(profile)) };
    },

    async GetInstanceProfile(
      { InstanceProfileName = "" }: GetInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<GetInstanceProfileResponse> {
      const profile = await instanceProfiles.get(account, InstanceProfileName);
      return { InstanceProfile: showProfile(profile, await roles.all(account)) };
    },

    async DeleteInstanceProfile(
      { InstanceProfileName = "" }: DeleteInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<object> {
      await instanceProfiles.delete(account, InstanceProfileName);
      return {};
    },

    async AddRoleToInstanceProfile(
      { InstanceProfileName = "", RoleName = "" }: AddRoleToInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<object> {
      await instanceProfiles.addRole(account, InstanceProfileName, RoleName);
      return {};
    },

    async RemoveRoleFromInstanceProfile(
      { InstanceProfileName = "", RoleName = "" }: RemoveRoleFromInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<object> {
      await instanceProfiles.removeRole(account, InstanceProfileName, RoleName);
      return {};
    },

    async ListInstanceProfiles(
      request: ListInstanceProfilesRequest,
      { scope: { account } }: CallContext,
    ): Promise<ListInstanceProfilesResponse> {
      const { PathPrefix = "/" } = request;
      const found = (await instanceProfiles.all(account)).filter(({ path }) => path.startsWith(PathPrefix));
      const { page, marks } = pageOf(found, ({ name }) => name.toLowerCase(), request);
      const accountRoles = await roles.all(account);
      return { InstanceProfiles: page.map((profile) => showListedProfile(profile, accountRoles)), ...marks };
    },

    async ListInstanceProfilesForRole(
      request: ListInstanceProfilesForRoleRequest,
      { scope: { account } }: CallContext,
    ): Promise<ListInstanceProfilesForRoleResponse> {
      const role = await roles.get(account, request.RoleName ?? "");
      const found = await instanceProfiles.holding(account, role.name);
      const { page, marks } = pageOf(found, ({ name }) => name.toLowerCase(), request);
      return { InstanceProfiles: page.map((profile) => showListedProfile(profile, [role])), ...marks };
    },

    async TagInstanceProfile(
      { InstanceProfileName = "", Tags }: TagInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<object> {
      await instanceProfiles.tag(account, InstanceProfileName, tagsOf(Tags));
      return {};
    },

    async UntagInstanceProfile(
      { InstanceProfileName = "", TagKeys = [] }: UntagInstanceProfileRequest,
      { scope: { account } }: CallContext,
    ): Promise<object> {
      await instanceProfiles.untag(account, InstanceProfileName, TagKeys);
      return {};
    },

    async ListInstanceProfileTags(
      request: ListInstanceProfileTagsRequest,
      { scope: { account } }: CallContext,
    ): Promise<ListInstanceProfileTagsResponse> {
      const { tags } = await instanceProfiles.get(account, request.InstanceProfileName ?? "");
      const { page, marks } = pageOf(tags, ({ key }) => key, request);
      return { Tags: showTags(page), ...marks };
    },
  };
}
