/**
 * Reads a whole policy that a caller wrote. What Hearth would not obey (statements that deny, operators it does not know)
 * is refused by name: a policy that is only half obeyed protects nothing.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
import { isKnownOperator } from "./authorization.ts";
import { requireBounded, type PolicyDocument, type PolicyStatement, type Principal } from "./policy-document.ts";
import { malformedPolicy } from "./refusals.ts";
import { principalOf } from "./statement.ts";

const versions = ["2012-10-17", "2008-10-17"];
const actionPattern = /^(?:\*|lambda:[a-zA-Z*?]+)$/;
const statementIdPattern = /^[a-zA-Z0-9_.-]{1,100}$/;

/** Throws InvalidParameterValueException or PolicyLengthExceededException. `functionArn` has no qualifier. */
export function parsePolicy(text: string, functionArn: string): PolicyDocument {
  const { Version = "2008-10-17", Id, Statement, ...others } = objectOf(jsonOf(text), "the document");
  requireNone(others, "the document");
  if (typeof Version !== "string" || !versions.includes(Version)) {
    throw malformedPolicy(`Version must be one of ${versions.join(", ")}.`);
  }
  if (Id !== undefined && typeof Id !== "string") throw malformedPolicy("Id must be a string.");
  const statements = (Array.isArray(Statement) ? (Statement as unknown[]) : [Statement]).map((statement) =>
    statementIn(objectOf(statement, "Statement"), functionArn),
  );
  if (statements.length === 0) throw malformedPolicy("Statement must not be empty.");
  const ids = statements.flatMap(({ Sid }) => Sid ?? []);
  if (new Set(ids).size !== ids.length) throw malformedPolicy("each Sid may stand only once.");
  const document = { Version, ...(Id === undefined ? {} : { Id }), Statement: statements };
  requireBounded(document);
  return document;
}

function statementIn(statement: Readonly<Record<string, unknown>>, functionArn: string): PolicyStatement {
  const { Sid, Effect, Principal, Action, Resource, Condition, ...others } = statement;
  requireNone(others, "Statement");
  if (Sid !== undefined && !(typeof Sid === "string" && statementIdPattern.test(Sid))) {
    throw malformedPolicy(`Sid must match ${statementIdPattern.source}.`);
  }
  if (Effect === "Deny") {
    throw malformedPolicy("Effect Deny is not supported by Hearth: calls of a function's own account are not judged.");
  }
  if (Effect !== "Allow") throw malformedPolicy("Effect must be Allow.");
  const actions = textsOf(Action, "Action");
  if (!texts(actions).every((action) => actionPattern.test(action))) {
    throw malformedPolicy(`Action must match ${actionPattern.source}.`);
  }
  const resources = textsOf(Resource, "Resource");
  if (!texts(resources).every((resource) => resource === functionArn || resource.startsWith(`${functionArn}:`))) {
    throw malformedPolicy(`Resource must be ${functionArn} or a version or alias of it.`);
  }
  return {
    ...(Sid === undefined ? {} : { Sid }),
    Effect,
    Principal: principalIn(Principal),
    Action: actions,
    Resource: resources,
    ...(Condition === undefined ? {} : { Condition: conditionsIn(Condition) }),
  };
}

/** Checked as AddPermission's; accounts stay as they are written. */
function principalIn(value: unknown): Principal {
  if (value === "*") return value;
  const kinds = objectOf(value, "Principal");
  const { AWS: _aws, Service: _service, ...others } = kinds;
  requireNone(others, "Principal");
  if (Object.keys(kinds).length === 0) throw malformedPolicy("Principal must not be empty.");
  const principal: Record<string, string | readonly string[]> = {};
  for (const [kind, named] of Object.entries(kinds)) {
    const values = textsOf(named, `Principal.${kind}`);
    for (const one of texts(values)) {
      const parsed = principalOf(one);
      if (parsed === "*" ? kind !== "AWS" : !Object.hasOwn(parsed, kind)) {
        throw malformedPolicy(`'${one}' is no principal of the kind ${kind}.`);
      }
    }
    principal[kind] = values;
  }
  return principal;
}

function conditionsIn(value: unknown): NonNullable<PolicyStatement["Condition"]> {
  return Object.fromEntries(
    Object.entries(objectOf(value, "Condition")).map(([operator, keys]) => {
      if (!isKnownOperator(operator)) {
        throw malformedPolicy(`the condition operator ${operator} is not supported by Hearth.`);
      }
      const conditions = Object.entries(objectOf(keys, operator)).map(
        ([key, wanted]) => [key, textsOf(wanted, key)] as const,
      );
      return [operator, Object.fromEntries(conditions)];
    }),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformedPolicy("it is not JSON.");
  }
}

function objectOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformedPolicy(`${where} must be an object.`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** One text or a list of some; booleans and numbers are what they are printed as. */
function textsOf(value: unknown, where: string): string | readonly string[] {
  if (Array.isArray(value) && value.length > 0) return value.map((one: unknown) => textOf(one, where));
  return textOf(value, where);
}

function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  throw malformedPolicy(`${where} must be a text or a list of texts.`);
}

function texts(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

function requireNone(others: Readonly<Record<string, unknown>>, where: string): void {
  const [first] = Object.keys(others);
  if (first !== undefined) throw malformedPolicy(`${first} of ${where} is not supported.`);
}
