/**
 * Lengths, patterns and enums of IAM's inputs, for the operations that are here: facts of AWS's service model
 * (2010-05-08), in the form of the generated tables.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
 */
import type { Constraint, Constraints } from "../wire/constraints.ts";

const name = String.raw`[\w+=,.@-]+`;

const shapes = {
  EntityType: { type: "string", enum: ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"] },
  PolicyUsageType: { type: "string", enum: ["PermissionsPolicy", "PermissionsBoundary"] },
  arnType: { type: "string", min: 20, max: 2048 },
  customSuffixType: { type: "string", min: 1, max: 64, pattern: name },
  existingUserNameType: { type: "string", min: 1, max: 128, pattern: name },
  groupNameType: { type: "string", min: 1, max: 128, pattern: name },
  instanceProfileNameType: { type: "string", min: 1, max: 128, pattern: name },
  markerType: { type: "string", min: 1, max: 320, pattern: String.raw`[\u0020-\u00FF]+` },
  maxItemsType: { type: "integer", min: 1, max: 1000 },
  pathPrefixType: { type: "string", min: 1, max: 512, pattern: String.raw`\u002F[\u0021-\u007F]*` },
  pathType: { type: "string", min: 1, max: 512, pattern: String.raw`(\u002F)|(\u002F[\u0021-\u007F]+\u002F)` },
  policyDescriptionType: { type: "string", max: 1000 },
  policyDocumentType: {
    type: "string",
    min: 1,
    max: 131_072,
    pattern: String.raw`[\u0009\u000A\u000D\u0020-\u00FF]+`,
  },
  policyNameType: { type: "string", min: 1, max: 128, pattern: name },
  policyPathType: { type: "string", min: 1, max: 512, pattern: String.raw`((/[A-Za-z0-9\.,\+@=_-]+)*)/` },
  policyScopeType: { type: "string", enum: ["All", "AWS", "Local"] },
  policyVersionIdType: { type: "string", pattern: String.raw`v[1-9][0-9]*(\.[A-Za-z0-9-]*)?` },
  roleDescriptionType: {
    type: "string",
    max: 1000,
    pattern: String.raw`[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*`,
    regex: String.raw`[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*`,
  },
  roleMaxSessionDurationType: { type: "integer", min: 3600, max: 43_200 },
  roleNameType: { type: "string", min: 1, max: 64, pattern: name },
  tagKeyListType: { type: "list", max: 50, item: "tagKeyType", isItemRequired: true },
  tagKeyType: {
    type: "string",
    min: 1,
    max: 128,
    pattern: String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`,
    regex: String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`,
  },
  tagListType: { type: "list", max: 50 },
  tagValueType: {
    type: "string",
    min: 0,
    max: 256,
    pattern: String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`,
    regex: String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`,
  },
} as const satisfies Readonly<Record<string, Constraint>>;

type ShapeName = keyof typeof shapes;

const role = { RoleName: "roleNameType" } as const;
const policy = { PolicyArn: "arnType" } as const;
const profile = { InstanceProfileName: "instanceProfileNameType" } as const;
const page = { Marker: "markerType", MaxItems: "maxItemsType" } as const;
const tags = { Tags: "tagListType" } as const;
const tagKeys = { TagKeys: "tagKeyListType" } as const;
const version = { VersionId: "policyVersionIdType" } as const;

const members: Readonly<Record<string, Readonly<Record<string, ShapeName>>>> = {
  AddRoleToInstanceProfileRequest: { ...profile, ...role },
  AttachRolePolicyRequest: { ...role, ...policy },
  CreateInstanceProfileRequest: { ...profile, Path: "pathType", ...tags },
  CreatePolicyRequest: {
    PolicyName: "policyNameType",
    Path: "policyPathType",
    PolicyDocument: "policyDocumentType",
    Description: "policyDescriptionType",
    ...tags,
  },
  CreatePolicyVersionRequest: { ...policy, PolicyDocument: "policyDocumentType" },
  CreateRoleRequest: {
    Path: "pathType",
    ...role,
    AssumeRolePolicyDocument: "policyDocumentType",
    Description: "roleDescriptionType",
    MaxSessionDuration: "roleMaxSessionDurationType",
    PermissionsBoundary: "arnType",
    ...tags,
  },
  CreateServiceLinkedRoleRequest: {
    AWSServiceName: "groupNameType",
    Description: "roleDescriptionType",
    CustomSuffix: "customSuffixType",
  },
  DeleteInstanceProfileRequest: profile,
  DeletePolicyRequest: policy,
  DeletePolicyVersionRequest: { ...policy, ...version },
  DeleteRolePermissionsBoundaryRequest: role,
  DeleteRolePolicyRequest: { ...role, PolicyName: "policyNameType" },
  DeleteRoleRequest: role,
  DetachRolePolicyRequest: { ...role, ...policy },
  GetInstanceProfileRequest: profile,
  GetPolicyRequest: policy,
  GetPolicyVersionRequest: { ...policy, ...version },
  GetRolePolicyRequest: { ...role, PolicyName: "policyNameType" },
  GetRoleRequest: role,
  GetUserRequest: { UserName: "existingUserNameType" },
  ListAttachedRolePoliciesRequest: { ...role, PathPrefix: "policyPathType", ...page },
  ListEntitiesForPolicyRequest: {
    ...policy,
    EntityFilter: "EntityType",
    PathPrefix: "pathType",
    PolicyUsageFilter: "PolicyUsageType",
    ...page,
  },
  ListInstanceProfileTagsRequest: { ...profile, ...page },
  ListInstanceProfilesForRoleRequest: { ...role, ...page },
  ListInstanceProfilesRequest: { PathPrefix: "pathPrefixType", ...page },
  ListPoliciesRequest: {
    Scope: "policyScopeType",
    PathPrefix: "policyPathType",
    PolicyUsageFilter: "PolicyUsageType",
    ...page,
  },
  ListPolicyTagsRequest: { ...policy, ...page },
  ListPolicyVersionsRequest: { ...policy, ...page },
  ListRolePoliciesRequest: { ...role, ...page },
  ListRoleTagsRequest: { ...role, ...page },
  ListRolesRequest: { PathPrefix: "pathPrefixType", ...page },
  PutRolePermissionsBoundaryRequest: { ...role, PermissionsBoundary: "arnType" },
  PutRolePolicyRequest: { ...role, PolicyName: "policyNameType", PolicyDocument: "policyDocumentType" },
  RemoveRoleFromInstanceProfileRequest: { ...profile, ...role },
  SetDefaultPolicyVersionRequest: { ...policy, ...version },
  Tag: { Key: "tagKeyType", Value: "tagValueType" },
  TagInstanceProfileRequest: { ...profile, ...tags },
  TagPolicyRequest: { ...policy, ...tags },
  TagRoleRequest: { ...role, ...tags },
  UntagInstanceProfileRequest: { ...profile, ...tagKeys },
  UntagPolicyRequest: { ...policy, ...tagKeys },
  UntagRoleRequest: { ...role, ...tagKeys },
  UpdateAssumeRolePolicyRequest: { ...role, PolicyDocument: "policyDocumentType" },
  UpdateRoleDescriptionRequest: { ...role, Description: "roleDescriptionType" },
  UpdateRoleRequest: { ...role, Description: "roleDescriptionType", MaxSessionDuration: "roleMaxSessionDurationType" },
};

/** Required members are in the SDK's schemas. */
export const iamConstraints: Constraints = { shapes, members, required: {} };
