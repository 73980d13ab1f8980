/**
 * The grammar of policy documents: what may be attached to a role, and what may say who assumes it. A document that
 * is not grammatical is refused in AWS's words and in AWS's order of checks; nothing here decides who may do what.
 * Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
import {
  areDatesReadable,
  checkActions,
  checkResources,
  failsLegacyParsing,
  type Condition,
  type Principal,
  type Statement,
} from "./policy-elements.ts";
import { malformedPolicy } from "./refusals.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** A document has no more levels than this; deeper ones are no policies. */
const nestingMax = 10;

const documentFields = new Set(["Version", "Id", "Statement"]);
const statementFields = new Set([
  "Sid",
  "Effect",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Principal",
  "NotPrincipal",
  "Condition",
]);
const principalKinds = new Set(["AWS", "Service", "Federated", "CanonicalUser"]);
const conditionOperator =
  /^(?:(?:ForAllValues|ForAnyValue):)?(?:(?:(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like))|(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|Bool|BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like))(?:IfExists)?|Null)$/;

/** A policy that grants permissions. Throws MalformedPolicyDocument. */
export function parsePolicy(document: string): readonly Statement[] {
  const { version, statements } = parse(document, "Syntax errors in policy.");
  if (version !== "2012-10-17") throw malformedPolicy("Policy document must be version 2012-10-17 or greater.");
  if (failsLegacyParsing(statements)) throw malformedPolicy("The policy failed legacy parsing");
  checkSids(statements);
  if (statements.some(({ principal, notPrincipal }) => (principal ?? notPrincipal) !== undefined)) {
    throw malformedPolicy("Policy document should not specify a principal.");
  }
  for (const { actions, notActions } of statements) {
    if (actions.length + notActions.length === 0) throw malformedPolicy("Policy statement must contain actions.");
  }
  for (const { resources, notResources } of statements) {
    if (resources.length + notResources.length === 0) throw malformedPolicy("Policy statement must contain resources.");
  }
  for (const { resources, notResources } of statements) checkResources([...resources, ...notResources]);
  for (const { actions, notActions } of statements) checkActions([...actions, ...notActions]);
  return statements;
}

/** By kind, what a name may look like; whether there is such a principal is not asked. */
const principalNames: Readonly<Record<string, RegExp>> = {
  AWS: /^(?:\*|\d{12}|arn:aws[a-z-]*:(?:iam|sts)::\d{12}:\S+|A(?:ROA|IDA)[A-Z0-9]+)$/,
  Service: /^[\w-]+(?:\.[\w-]+)+$/,
};

const trustAction = /^sts:(?:\*|AssumeRole.*|TagSession|SetSourceIdentity|SetContext)$/i;

/** A role's trust policy. Throws MalformedPolicyDocument. */
export function parseTrustPolicy(document: string): readonly Statement[] {
  const { statements } = parse(document, "This policy contains invalid Json");
  checkSids(statements);
  for (const statement of statements) {
    const { principal, notPrincipal, resources, notResources, actions, notActions } = statement;
    if (resources.length > 0) throw malformedPolicy("Has prohibited field Resource");
    if (notResources.length > 0) throw malformedPolicy("Has prohibited field NotResource");
    if ((principal ?? notPrincipal) === undefined) throw malformedPolicy("Missing required field Principal");
    checkPrincipal(principal ?? notPrincipal ?? new Map());
    if (actions.length + notActions.length === 0) throw malformedPolicy("Missing required field Action");
    for (const action of [...actions, ...notActions]) {
      if (trustAction.test(action)) continue;
      throw malformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.");
    }
  }
  if (statements.some(({ conditions }) => !areDatesReadable(conditions))) throw syntaxErrors();
  return statements;
}

/** Differs from AWS: principals of trust policies need not exist, only look like some. */
function checkPrincipal(principal: Principal): void {
  for (const [kind, names] of principal) {
    const wrong = names.find((name) => principalNames[kind]?.test(name) === false);
    if (wrong === undefined) continue;
    const shownKind = kind === "Service" ? "SERVICE" : kind;
    throw malformedPolicy(`Invalid principal in policy: "${shownKind}":"${wrong}"`);
  }
}

/** Characters as AWS counts them. */
export function sizeOfDocument(document: string): number {
  return document.replaceAll(/\s/g, "").length;
}

/** Characters of a document that is kept as given; the largest that AWS takes has 131,072, nearly all white space. */
const keptLengthMax = 16_384;

/**
 * The document as it is kept: as given, but without the white space between its tokens where there is a lot of it.
 * Undefined when it is too long even so.
 * Differs from AWS: a document of more than 16,384 characters is answered without the white space between its tokens.
 */
export function storedDocument(document: string): string | undefined {
  if (document.length <= keptLengthMax) return document;
  const compact = document.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
  return compact.length <= keptLengthMax ? compact : undefined;
}

function parse(
  document: string,
  invalidJson: string,
): { readonly version: string | undefined; readonly statements: readonly Statement[] } {
  const json = parseJson(document, invalidJson);
  if (!isObject(json)) throw syntaxErrors();
  const { Version, Id, Statement } = json;
  const isSound =
    Object.keys(json).every((field) => documentFields.has(field)) &&
    (Version === undefined || Version === "2012-10-17" || Version === "2008-10-17") &&
    (Id === undefined || typeof Id === "string");
  if (!isSound) throw syntaxErrors();
  const statements = Array.isArray(Statement) ? (Statement as readonly unknown[]) : [Statement];
  if (statements.length === 0) throw syntaxErrors();
  return { version: Version, statements: statements.map(parseStatement) };
}

function parseJson(document: string, invalidJson: string): unknown {
  // JSON.parse is recursive, and so is what walks its result.
  if (nestingOf(document) > nestingMax) throw syntaxErrors();
  try {
    return JSON.parse(document);
  } catch {
    throw malformedPolicy(invalidJson);
  }
}

/** The most brackets open at once, outside strings. */
function nestingOf(json: string): number {
  let [depth, deepest, isInString] = [0, 0, false];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (isInString && character === "\\") at += 1;
    else if (character === '"') isInString = !isInString;
    else if (!isInString && (character === "{" || character === "[")) deepest = Math.max(deepest, ++depth);
    else if (!isInString && (character === "}" || character === "]")) depth -= 1;
  }
  return deepest;
}

function parseStatement(statement: unknown): Statement {
  if (!isObject(statement) || Object.keys(statement).some((field) => !statementFields.has(field))) throw syntaxErrors();
  const { Sid, Effect, Action, NotAction, Resource, NotResource, Principal: who, NotPrincipal, Condition } = statement;
  const hasBoth = [
    [Action, NotAction],
    [Resource, NotResource],
    [who, NotPrincipal],
  ].some((pair) => pair.every((element) => element !== undefined));
  if (hasBoth || (Sid !== undefined && typeof Sid !== "string")) throw syntaxErrors();
  if (typeof Effect !== "string" || !/^(?:allow|deny)$/i.test(Effect)) throw syntaxErrors();
  return {
    ...(Sid === undefined ? {} : { sid: Sid }),
    effect: Effect as Statement["effect"],
    actions: texts(Action),
    notActions: texts(NotAction),
    resources: texts(Resource),
    notResources: texts(NotResource),
    ...(who === undefined ? {} : { principal: parsePrincipal(who) }),
    ...(NotPrincipal === undefined ? {} : { notPrincipal: parsePrincipal(NotPrincipal) }),
    conditions: parseConditions(Condition),
  };
}

function parsePrincipal(principal: unknown): Principal {
  if (principal === "*") return new Map([["AWS", ["*"]]]);
  if (!isObject(principal) || Object.keys(principal).length === 0) throw syntaxErrors();
  return new Map(
    Object.entries(principal).map(([kind, names]) => {
      const parsed = texts(names);
      if (!principalKinds.has(kind) || parsed.length === 0) throw syntaxErrors();
      return [kind, parsed];
    }),
  );
}

function parseConditions(conditions: unknown): readonly Condition[] {
  if (conditions === undefined) return [];
  if (!isObject(conditions)) throw syntaxErrors();
  return Object.entries(conditions).flatMap(([operator, block]) => {
    if (!isObject(block)) throw syntaxErrors();
    return Object.entries(block).map(([key, values]) => {
      if (!conditionOperator.test(operator)) throw syntaxErrors();
      const list: readonly unknown[] = Array.isArray(values) ? values : [values];
      if (!list.every((value) => ["string", "number", "boolean"].includes(typeof value))) throw syntaxErrors();
      return { operator, key, values: list.map(String) };
    });
  });
}

function checkSids(statements: readonly Statement[]): void {
  const sids = statements.flatMap(({ sid }) => (sid === undefined || sid === "" ? [] : [sid]));
  if (new Set(sids).size < sids.length) {
    throw malformedPolicy("Statement IDs (SID) in a single policy must be unique.");
  }
  if (sids.some((sid) => !/^[0-9A-Za-z]*$/.test(sid))) {
    throw malformedPolicy(
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
  }
}

/** A text or a list of texts. */
function texts(element: unknown): readonly string[] {
  if (element === undefined) return [];
  const list: readonly unknown[] = Array.isArray(element) ? element : [element];
  if (!list.every((text) => typeof text === "string")) throw syntaxErrors();
  return list;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function syntaxErrors(): Error {
  return malformedPolicy("Syntax errors in policy.");
}
