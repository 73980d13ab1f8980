/** IAM's records as its answers show them. Each operation shows other members: what is here was recorded. */
import type {
  AttachedPermissionsBoundary,
  InstanceProfile,
  Policy,
  PolicyVersion,
  Role,
  Tag as WireTag,
} from "@aws-sdk/client-iam";
import type { PolicyUsage } from "../../control-plane/iam/iam.ts";
import { versionIdOf } from "../../control-plane/iam/managed-policies.ts";
import {
  entityArn,
  type InstanceProfileRecord,
  type PolicyRecord,
  type PolicyVersion as PolicyVersionRecord,
  type RoleRecord,
  type Tag,
} from "../../control-plane/iam/records.ts";

export function tagsOf(tags: readonly WireTag[] | undefined): readonly Tag[] {
  return (tags ?? []).map(({ Key = "", Value = "" }) => ({ key: Key, value: Value }));
}

export function showTags(tags: readonly Tag[]): WireTag[] {
  return tags.map(({ key, value }) => ({ Key: key, Value: value }));
}

/** As RFC 3986 encodes it, which is how IAM answers documents. */
export function encodeDocument(document: string): string {
  return encodeURIComponent(document.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function showIdentity(role: RoleRecord): Role {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: entityArn("iam-role", role),
    CreateDate: secondsOf(role.createdAtMs),
    AssumeRolePolicyDocument: encodeDocument(role.trustPolicy),
  };
}

/** Of CreateRole. */
export function showNewRole(role: RoleRecord): Role {
  return { ...showIdentity(role), ...showBoundary(role), ...showOwnTags(role) };
}

/** Of GetRole. */
export function showRole(role: RoleRecord): Role {
  const { lastUsed } = role;
  return {
    ...showListedRole(role),
    ...showBoundary(role),
    ...showOwnTags(role),
    RoleLastUsed: lastUsed === undefined ? {} : { LastUsedDate: secondsOf(lastUsed.atMs), Region: lastUsed.region },
  };
}

/** Of ListRoles. */
export function showListedRole(role: RoleRecord): Role {
  return { ...showDescribedRole(role), MaxSessionDuration: role.maxSessionSeconds };
}

/** Of UpdateRoleDescription. */
export function showDescribedRole(role: RoleRecord): Role {
  return { ...showIdentity(role), ...(role.description === undefined ? {} : { Description: role.description }) };
}

function showBoundary({ permissionsBoundary }: RoleRecord): Pick<Role, "PermissionsBoundary"> {
  if (permissionsBoundary === undefined) return {};
  // The model's only value is another than the one that AWS was recorded to send.
  const type = "Policy" as AttachedPermissionsBoundary["PermissionsBoundaryType"];
  return { PermissionsBoundary: { PermissionsBoundaryType: type, PermissionsBoundaryArn: permissionsBoundary } };
}

function showOwnTags({ tags }: { readonly tags: readonly Tag[] }): { Tags?: WireTag[] } {
  return tags.length === 0 ? {} : { Tags: showTags(tags) };
}

/** Of ListPolicies. */
export function showListedPolicy(policy: PolicyRecord, usage: PolicyUsage): Policy {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: entityArn("iam-policy", policy),
    Path: policy.path,
    DefaultVersionId: `v${policy.defaultVersion}`,
    AttachmentCount: usage.attachedTo.length,
    PermissionsBoundaryUsageCount: usage.boundaryOf.length,
    IsAttachable: true,
    CreateDate: secondsOf(policy.createdAtMs),
    UpdateDate: secondsOf(policy.updatedAtMs),
  };
}

/** Of CreatePolicy. */
export function showNewPolicy(policy: PolicyRecord): Policy {
  return { ...showListedPolicy(policy, { attachedTo: [], boundaryOf: [] }), ...showOwnTags(policy) };
}

/** Of GetPolicy. */
export function showPolicy(policy: PolicyRecord, usage: PolicyUsage): Policy {
  return {
    ...showListedPolicy(policy, usage),
    ...(policy.description === undefined ? {} : { Description: policy.description }),
    Tags: showTags(policy.tags),
  };
}

/** Of CreatePolicyVersion and ListPolicyVersions. */
export function showListedVersion(policy: PolicyRecord, version: PolicyVersionRecord): PolicyVersion {
  return {
    VersionId: versionIdOf(version),
    IsDefaultVersion: version.number === policy.defaultVersion,
    CreateDate: secondsOf(version.createdAtMs),
  };
}

/** Of GetPolicyVersion. */
export function showVersion(policy: PolicyRecord, version: PolicyVersionRecord): PolicyVersion {
  return { Document: encodeDocument(version.document), ...showListedVersion(policy, version) };
}

/** Of ListInstanceProfiles; `roles` are those of the account. */
export function showListedProfile(profile: InstanceProfileRecord, roles: readonly RoleRecord[]): InstanceProfile {
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: entityArn("iam-instance-profile", profile),
    CreateDate: secondsOf(profile.createdAtMs),
    Roles: roles.filter(({ name }) => profile.roles.includes(name)).map(showIdentity),
  };
}

/** Of CreateInstanceProfile. */
export function showNewProfile(profile: InstanceProfileRecord): InstanceProfile {
  return { ...showListedProfile(profile, []), ...showOwnTags(profile) };
}

/** Of GetInstanceProfile. */
export function showProfile(profile: InstanceProfileRecord, roles: readonly RoleRecord[]): InstanceProfile {
  return { ...showListedProfile(profile, roles), Tags: showTags(profile.tags) };
}

/** IAM's times are whole seconds. */
function secondsOf(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}
