/**
 * Lengths and patterns of STS's inputs, for the operations that are here: facts of AWS's service model (2011-06-15), in
 * the form of the generated tables. https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
 */
import type { Constraint, Constraints } from "../wire/constraints.ts";

const tagText = String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]`;

const shapes = {
  accessKeyIdType: { type: "string", min: 16, max: 128, pattern: String.raw`[\w]*` },
  arnType: {
    type: "string",
    min: 20,
    max: 2048,
    pattern: String.raw`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`,
    regex: String.raw`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]+`,
  },
  durationSecondsType: { type: "integer", min: 900, max: 129_600 },
  externalIdType: { type: "string", min: 2, max: 1224, pattern: String.raw`[\w+=,.@:\/-]*` },
  roleDurationSecondsType: { type: "integer", min: 900, max: 43_200 },
  roleSessionNameType: { type: "string", min: 2, max: 64, pattern: String.raw`[\w+=,.@-]*` },
  serialNumberType: { type: "string", min: 9, max: 256, pattern: String.raw`[\w+=/:,.@-]*` },
  sessionPolicyDocumentType: {
    type: "string",
    min: 1,
    max: 2048,
    pattern: String.raw`[\u0009\u000A\u000D\u0020-\u00FF]+`,
  },
  sourceIdentityType: { type: "string", min: 2, max: 64, pattern: String.raw`[\w+=,.@-]*` },
  tagKeyListType: { type: "list", max: 50, item: "tagKeyType", isItemRequired: true },
  tagKeyType: { type: "string", min: 1, max: 128, pattern: `${tagText}+`, regex: `${tagText}+` },
  tagListType: { type: "list", max: 50 },
  tagValueType: { type: "string", min: 0, max: 256, pattern: `${tagText}*`, regex: `${tagText}*` },
  tokenCodeType: { type: "string", min: 6, max: 6, pattern: String.raw`[\d]*` },
} as const satisfies Readonly<Record<string, Constraint>>;

type ShapeName = keyof typeof shapes;

const members: Readonly<Record<string, Readonly<Record<string, ShapeName>>>> = {
  AssumeRoleRequest: {
    RoleArn: "arnType",
    RoleSessionName: "roleSessionNameType",
    Policy: "sessionPolicyDocumentType",
    DurationSeconds: "roleDurationSecondsType",
    Tags: "tagListType",
    TransitiveTagKeys: "tagKeyListType",
    ExternalId: "externalIdType",
    SerialNumber: "serialNumberType",
    TokenCode: "tokenCodeType",
    SourceIdentity: "sourceIdentityType",
  },
  GetAccessKeyInfoRequest: { AccessKeyId: "accessKeyIdType" },
  GetSessionTokenRequest: {
    DurationSeconds: "durationSecondsType",
    SerialNumber: "serialNumberType",
    TokenCode: "tokenCodeType",
  },
  PolicyDescriptorType: { arn: "arnType" },
  Tag: { Key: "tagKeyType", Value: "tagValueType" },
};

/** Required members are in the SDK's schemas. */
export const stsConstraints: Constraints = { shapes, members, required: {} };
