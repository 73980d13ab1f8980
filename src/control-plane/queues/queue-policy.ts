/**
 * Who of other accounts may use a queue. Calls of the queue's own account are not judged. A statement that denies and
 * asks for what cannot be judged denies in any case; one that allows does not.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html
 */
import { ApiError } from "../../core/errors.ts";
import { grants, isKnownOperator, type AccessRequest } from "../policies/authorization.ts";
import type { PolicyDocument, PolicyStatement } from "../policies/policy-document.ts";
import { queueArn, type QueueRef } from "./queue-record.ts";
import { invalidAttribute, invalidParameter, invalidValue, missingParameter } from "./refusals.ts";

interface QueuePolicy {
  readonly allows: PolicyDocument;
  readonly denies: PolicyDocument;
}

const versions: ReadonlySet<unknown> = new Set(["2012-10-17", "2008-10-17"]);
const defaultVersion = "2008-10-17";
const policyName = "SQSDefaultPolicy";
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html#quotas-policies */
const policyBytesMax = 8192;
const statementsMax = 20;
const actionsMax = 7;
const labelPattern = /^[a-zA-Z0-9_-]{1,80}$/;

/** What AddPermission can grant. */
const grantable: ReadonlySet<string> = new Set([
  "*",
  "ChangeMessageVisibility",
  "DeleteMessage",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListDeadLetterSourceQueues",
  "PurgeQueue",
  "ReceiveMessage",
  "SendMessage",
]);

/** Throws InvalidAttributeValue for what is no policy, and for what Hearth could not judge in one. */
export function parseQueuePolicy(text: string, queue: QueueRef): QueuePolicy {
  const { Version = defaultVersion, Statement } = documentOf(text);
  const statements = Array.isArray(Statement) ? (Statement as unknown[]) : [Statement];
  const isSound = versions.has(Version) && statements.length > 0;
  if (!isSound || Buffer.byteLength(text) > policyBytesMax) throw invalidAttribute("Policy");
  if (statements.length > statementsMax) throw tooManyStatements(statements.length);
  const parsed = statements.map((statement) => parseStatement(statement, queue));
  const those = (effect: string): PolicyDocument => ({
    Version: defaultVersion,
    Statement: parsed.filter((statement) => statement.effect === effect).map(({ statement }) => statement),
  });
  return { allows: those("Allow"), denies: those("Deny") };
}

function parseStatement(value: unknown, queue: QueueRef): { effect: string; statement: PolicyStatement } {
  const { Sid, Effect, Principal, Action, Resource = queueArn(queue), Condition, ...others } = objectOf(value);
  const [further] = Object.keys(others);
  if (further !== undefined) throw invalidAttribute("Policy", `Hearth does not support ${further} in a statement.`);
  const isPrincipal = Principal === "*" || Object.values(objectOf(Principal)).every(isTexts);
  const isSound = (Effect === "Allow" || Effect === "Deny") && isPrincipal && isTexts(Action) && isTexts(Resource);
  if (!isSound || (Sid !== undefined && !isText(Sid))) throw invalidAttribute("Policy");
  const conditions = Condition === undefined ? {} : objectOf(Condition);
  for (const keys of Object.values(conditions)) objectOf(keys);
  const canJudge = Object.keys(conditions).every(isKnownOperator);
  const statement = {
    Effect: "Allow",
    Principal,
    Action,
    Resource,
    ...(Effect === "Deny" && !canJudge ? {} : { Condition: textsIn(conditions) }),
  };
  return { effect: Effect, statement: statement as PolicyStatement };
}

/** Values may also be booleans and numbers. */
function textsIn(conditions: Readonly<Record<string, unknown>>): unknown {
  return JSON.parse(JSON.stringify(conditions), (_, value: unknown) =>
    typeof value === "boolean" || typeof value === "number" ? String(value) : value,
  );
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isTexts(value: unknown): boolean {
  return isText(value) || (Array.isArray(value) && value.every(isText));
}

function documentOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    throw invalidAttribute("Policy");
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject) throw invalidAttribute("Policy");
  return value as Readonly<Record<string, unknown>>;
}

/** Whether somebody of another account may do `action` (such as `sqs:SendMessage`) with the queue. */
export function isGranted(
  policy: string | undefined,
  queue: QueueRef,
  request: Omit<AccessRequest, "resourceArn">,
): boolean {
  if (policy === undefined) return false;
  const { allows, denies } = parseQueuePolicy(policy, queue);
  const asked = { ...request, resourceArn: queueArn(queue) };
  return grants(allows, asked) && !grants(denies, asked);
}

export interface QueuePermission {
  readonly label: string;
  readonly accounts: readonly string[];
  /** Without `sqs:`. */
  readonly actions: readonly string[];
}

/** The policy's text with one more statement. */
export function withPermission(policy: string | undefined, queue: QueueRef, permission: QueuePermission): string {
  const { label, accounts, actions } = permission;
  requireLabel(label);
  if (actions.length === 0) throw missingParameter("Actions");
  if (accounts.length === 0 || !accounts.every((account) => /^\d{12}$/.test(account))) {
    throw invalidValue("PrincipalId", `[${accounts.join(", ")}]`, "Unable to verify.");
  }
  if (actions.length > actionsMax) {
    throw new ApiError("OverLimit", `${actions.length} Actions were found, maximum allowed is ${actionsMax}.`);
  }
  const denied = actions.find((action) => !grantable.has(action));
  if (denied !== undefined) {
    throw invalidValue("ActionName", `SQS:${denied}`, "Only the queue owner is allowed to invoke this action.");
  }
  const arn = queueArn(queue);
  const { Version, Id, statements } = editable(policy, arn);
  if (statements.some((statement) => sidOf(statement) === label)) {
    throw invalidValue("Label", label, "Already exists.");
  }
  if (statements.length + 1 > statementsMax) throw tooManyStatements(statements.length + 1);
  const statement = {
    Sid: label,
    Effect: "Allow",
    Principal: { AWS: oneOrAll(accounts.map((account) => `arn:aws:iam::${account}:root`)) },
    Action: oneOrAll(actions.map((action) => `SQS:${action}`)),
    Resource: arn,
  };
  return JSON.stringify({ Version, Id, Statement: [...statements, statement] });
}

/** The policy's text without a statement; undefined when none is left. */
export function withoutPermission(policy: string | undefined, queue: QueueRef, label: string): string | undefined {
  requireLabel(label);
  const { Version, Id, statements } = editable(policy, queueArn(queue));
  const left = statements.filter((statement) => sidOf(statement) !== label);
  if (left.length === statements.length) {
    throw invalidValue("Label", label, "can't find label on existing policy.");
  }
  return left.length === 0 ? undefined : JSON.stringify({ Version, Id, Statement: left });
}

function editable(policy: string | undefined, arn: string): { Version: unknown; Id: unknown; statements: unknown[] } {
  const {
    Version = defaultVersion,
    Id = `${arn}/${policyName}`,
    Statement = [],
  } = policy === undefined ? {} : documentOf(policy);
  return { Version, Id, statements: Array.isArray(Statement) ? Statement : [Statement] };
}

function sidOf(statement: unknown): unknown {
  return (statement as { readonly Sid?: unknown }).Sid;
}

function oneOrAll(values: readonly string[]): string | readonly string[] {
  const [first] = values;
  return values.length === 1 && first !== undefined ? first : values;
}

function requireLabel(label: string): void {
  if (labelPattern.test(label)) return;
  throw invalidParameter(
    `Value ${label} for parameter Label is invalid. ` +
      "Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
  );
}

function tooManyStatements(count: number): ApiError {
  return new ApiError("OverLimit", `${count} statements were found, maximum allowed is ${statementsMax}.`);
}
