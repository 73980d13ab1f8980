/**
 * A resource policy as a value: who may do what with one function, version, alias or layer version. Adding and removing
 * a statement leaves the others as they are, in their order; the text is what AWS answers, to the order of its members.
 * https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
 */
import { policyTooLong, statementExists, statementNotFound } from "./refusals.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const policyBytesMax = 20_480;

export type Principal = "*" | Readonly<Record<string, string | readonly string[]>>;

/** Values by condition key by operator, such as `{"StringEquals": {"AWS:SourceAccount": "123456789012"}}`. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** Members stand in the order in which AWS prints them. */
export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: "Allow";
  readonly Principal: Principal;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Conditions;
}

export interface PolicyDocument {
  readonly Version: string;
  readonly Id?: string;
  readonly Statement: readonly PolicyStatement[];
}

/** Throws ResourceConflictException for a taken id, PolicyLengthExceededException when the whole gets too long. */
export function withStatement(
  document: PolicyDocument | undefined,
  statement: PolicyStatement & { readonly Sid: string },
): PolicyDocument {
  const { Statement: present, ...rest } = document ?? { Version: "2012-10-17", Id: "default", Statement: [] };
  if (present.some(({ Sid }) => Sid === statement.Sid)) throw statementExists(statement.Sid);
  const extended = { ...rest, Statement: [...present, statement] };
  requireBounded(extended);
  return extended;
}

/** Undefined when no statement is left. Throws ResourceNotFoundException for an id that no statement has. */
export function withoutStatement(document: PolicyDocument, statementId: string): PolicyDocument | undefined {
  const left = document.Statement.filter(({ Sid }) => Sid !== statementId);
  if (left.length === document.Statement.length) throw statementNotFound(statementId);
  return left.length === 0 ? undefined : { ...document, Statement: left };
}

/** Throws PolicyLengthExceededException. */
export function requireBounded(document: PolicyDocument): void {
  const bytes = Buffer.byteLength(renderPolicy(document));
  if (bytes > policyBytesMax) throw policyTooLong(bytes, policyBytesMax);
}

export function renderPolicy(document: PolicyDocument): string {
  return JSON.stringify(document);
}
