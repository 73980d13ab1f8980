/**
 * The documents of IAM: roles, customer managed policies and instance profiles.
 *
 * Keys are `[kind, account, globalRegion, name in lower case]`. IAM knows no regions: what one region's client writes,
 * another's reads, so the place where other keys have a region holds a fixed word that no region bears. Names are kept
 * in lower case there because AWS does not tell names apart by case: a second one is refused, whatever its spelling.
 */

/** Stands where other keys have a region. */
export const globalRegion = "global";

export type EntityKind = "iam-role" | "iam-policy" | "iam-instance-profile";

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** What all three have. */
export interface Entity {
  /** 12 digits. */
  readonly account: string;
  readonly name: string;
  /** Begins and ends with a slash. */
  readonly path: string;
  /** AWS's unique id: `AROA…`, `ANPA…`, `AIPA…`. */
  readonly id: string;
  readonly createdAtMs: number;
  /** In the order given; no key twice. */
  readonly tags: readonly Tag[];
}

export interface InlinePolicy {
  readonly name: string;
  /** As given. */
  readonly document: string;
}

export interface RoleRecord extends Entity {
  /** As given. */
  readonly trustPolicy: string;
  readonly description?: string;
  readonly maxSessionSeconds: number;
  /** ARN of a managed policy. */
  readonly permissionsBoundary?: string;
  /** In the order of their names. */
  readonly inlinePolicies: readonly InlinePolicy[];
  /** ARNs of managed policies, in the order of attaching. */
  readonly attachedPolicies: readonly string[];
  /** The service that a service-linked role belongs to, such as `replicator.lambda.amazonaws.com`. */
  readonly linkedService?: string;
  readonly lastUsed?: { readonly atMs: number; readonly region: string };
}

export interface PolicyVersion {
  /** From 1 on, never used twice. */
  readonly number: number;
  /** As given. */
  readonly document: string;
  readonly createdAtMs: number;
}

export interface PolicyRecord extends Entity {
  readonly description?: string;
  /** In the order of their numbers. */
  readonly versions: readonly PolicyVersion[];
  readonly defaultVersion: number;
  readonly lastVersion: number;
  readonly updatedAtMs: number;
}

export interface InstanceProfileRecord extends Entity {
  /** Names; AWS allows one. */
  readonly roles: readonly string[];
}

const arnKinds = { "iam-role": "role", "iam-policy": "policy", "iam-instance-profile": "instance-profile" } as const;

export function entityArn(
  kind: EntityKind,
  { account, path, name }: Pick<Entity, "account" | "path" | "name">,
): string {
  return `arn:aws:iam::${account}:${arnKinds[kind]}${path}${name}`;
}

export interface EntityArn {
  /** 12 digits, or `aws` for what AWS itself owns. */
  readonly account: string;
  readonly path: string;
  readonly name: string;
}

const arnPatterns: Readonly<Record<EntityKind, RegExp>> = {
  "iam-role": patternOf("role"),
  "iam-policy": patternOf("policy"),
  "iam-instance-profile": patternOf("instance-profile"),
};

function patternOf(kind: string): RegExp {
  return new RegExp(String.raw`^arn:aws:iam::(\d{12}|aws):${kind}(/(?:[\x21-\x7e]*/)?)([\w+=,.@-]+)$`);
}

/** Undefined when `arn` is none of that kind. */
export function parseEntityArn(kind: EntityKind, arn: string): EntityArn | undefined {
  const [, account, path, name] = arnPatterns[kind].exec(arn) ?? [];
  return account === undefined || path === undefined || name === undefined ? undefined : { account, path, name };
}
