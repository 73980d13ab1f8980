/**
 * A policy's statements, and the texts inside them: actions, resources and dates of conditions, checked as IAM checks them.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
import { malformedPolicy } from "./refusals.ts";

export interface Statement {
  readonly sid?: string;
  readonly effect: "Allow" | "Deny";
  /** Empty where the statement has the opposite element instead. */
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  readonly principal?: Principal;
  readonly notPrincipal?: Principal;
  readonly conditions: readonly Condition[];
}

/** Kind (`AWS`, `Service`, `Federated`, `CanonicalUser`) → names; `*` is `{ AWS: ["*"] }`. */
export type Principal = ReadonlyMap<string, readonly string[]>;

export interface Condition {
  /** As written, such as `ForAnyValue:StringLikeIfExists`. */
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

const partitions = /^(?:aws(?:-[a-z-]+)?|.*[*?$].*)$/;

const iamResourceKinds = [
  "user/",
  "federated-user/",
  "role/",
  "group/",
  "instance-profile/",
  "mfa/",
  "server-certificate/",
  "policy/",
  "sms-mfa/",
  "saml-provider/",
  "oidc-provider/",
  "report/",
  "access-report/",
];

/** What AWS's older parser does not take, which runs before the newer one's checks. */
export function failsLegacyParsing(statements: readonly Statement[]): boolean {
  return statements.some(
    ({ effect, resources, notResources, conditions }) =>
      !["Allow", "Deny"].includes(effect) ||
      [...resources, ...notResources].some(isCutShort) ||
      !areDatesReadable(conditions),
  );
}

/** `arn:aws::x` names no service, and `arn:aws:s3::bucket` has its resource where the account belongs. */
function isCutShort(resource: string): boolean {
  const parts = resource.split(":");
  const [prefix, partition = "", service, , account = ""] = parts;
  if (prefix !== "arn" || !partitions.test(partition)) return false;
  if (parts.length >= 4 && service === "") return true;
  return parts.length === 5 && !/^(?:|\d{12}|.*[*?$].*)$/.test(account);
}

/** Throws the refusal of the first that is no resource. */
export function checkResources(resources: readonly string[]): void {
  for (const resource of resources) {
    if (resource !== "*") checkResource(resource);
  }
}

function checkResource(resource: string): void {
  if (!resource.includes(":")) {
    throw malformedPolicy(`Resource ${resource} must be in ARN format or "*".`);
  }
  const [, partition = "", ...rest] = resource.split(":");
  if (!partitions.test(partition)) {
    const padded = [...rest, "*", "*", "*", "*"].slice(0, Math.max(rest.length, 4));
    const arn = ["arn", partition, ...padded].join(":");
    throw malformedPolicy(`Partition "${partition}" is not valid for resource "${arn}".`);
  }
  const [service, region = "", , ...name] = rest;
  if (service === undefined) {
    throw malformedPolicy("Resource vendor must be fully qualified and cannot contain regexes.");
  }
  if (service === "s3" && region !== "" && region !== "*" && rest.length > 3) {
    throw malformedPolicy(`Resource ${resource} can not contain region information.`);
  }
  if (service === "iam") {
    if (region !== "" && region !== "*") {
      throw malformedPolicy(`IAM resource ${resource} cannot contain region information.`);
    }
    checkIamResource(name.join(":"), rest.length > 3);
  }
}

function checkIamResource(name: string, isComplete: boolean): void {
  if (!isComplete || name === "root" || /^[*?$]/.test(name) || iamResourceKinds.some((kind) => name.startsWith(kind))) {
    return;
  }
  throw malformedPolicy(`IAM resource path must either be "*", root, or start with ${iamResourceKinds.join(", ")}.`);
}

/** Throws the refusal of the first that is no action. */
export function checkActions(actions: readonly string[]): void {
  for (const action of actions) {
    if (action === "*") continue;
    const [vendor = "", ...rest] = action.split(":");
    if (rest.length === 0) {
      throw malformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    if (rest.length > 1) throw malformedPolicy("Actions/Condition can contain only one colon.");
    if (!/^(?:\*|[a-zA-Z0-9.-]+)$/.test(vendor)) throw malformedPolicy(`Vendor ${vendor} is not valid`);
  }
}

const date =
  /^[+-]?\d{1,4}(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[tT](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?)?)?(?:[zZ]|[+-]\d{2}:?\d{2})?)?$/;
const longest = 2n ** 63n;

/** Whether every date that the conditions compare with can be read; a date may also be seconds since the epoch. */
export function areDatesReadable(conditions: readonly Condition[]): boolean {
  return conditions
    .filter(({ operator }) => /(?:^|:)Date/.test(operator))
    .every(({ values }) => values.every((value) => value.includes("${") || isDate(value)));
}

function isDate(value: string): boolean {
  if (/^-?\d{5,19}$/.test(value)) {
    const seconds = BigInt(value);
    return seconds < longest && seconds >= -longest;
  }
  const match = date.exec(value);
  if (match === null) return false;
  const [month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => part && Number(part));
  return (
    isWithin(month, 1, 12) &&
    isWithin(day, 1, 31) &&
    isWithin(hour, 0, 24) &&
    isWithin(minute, 0, 59) &&
    isWithin(second, 0, 59)
  );
}

function isWithin(value: number | string, min: number, max: number): boolean {
  return Number(value) >= min && Number(value) <= max;
}
