/**
 * A service as the wire knows it: operations, errors and the few facts that the runtime schemas do not carry. Compiled
 * once, when the endpoint is made.
 */
import { invariant } from "../../core/invariant.ts";
import type { Constraints, Validate } from "./constraints.ts";
import { compileValidation } from "./constraints.ts";
import type { StructureShape } from "./shapes.ts";
import { isStructure, ShapeCompiler, textTrait, traitsOf } from "./shapes.ts";

export type ProtocolName = "restJson1" | "restXml" | "awsJson1_0" | "awsJson1_1" | "awsQuery" | "rpcv2Cbor";

/** What clients of a service agree on beside its shapes; a test compares it with the SDK's own configuration. */
export interface ServiceFacts {
  /** Name in messages and documentation, such as `lambda`. */
  readonly name: string;
  /** The service of the SigV4 credential scope, and the first label of its host names. */
  readonly signingName: string;
  /** Further first labels of its host names, such as `sync-states`. */
  readonly hostLabels?: readonly string[];
  readonly namespace: string;
  readonly version: string;
  /** Before the dot in X-Amz-Target. */
  readonly targetPrefix: string;
  readonly xmlNamespace?: string;
  /** Every protocol it takes; the first is what the newest clients speak. */
  readonly protocols: readonly [ProtocolName, ...ProtocolName[]];
  /** Its JSON errors also carry x-amzn-query-error, for clients that knew it as a query service. */
  readonly isQueryCompatible?: boolean;
  /** Its AWS Query errors end in an empty `<Detail/>`. */
  readonly hasErrorDetail?: boolean;
  /** Its validation texts do not repeat the values that they are about. */
  readonly hidesValues?: boolean;
  /** Codes in no schema that AWS Query calls otherwise. */
  readonly queryCodes?: Readonly<Record<string, string>>;
  /** The code for a required member that is absent, where a text of its own says so instead of the validation's. */
  readonly missingCode?: string;
  /** A member that AWS Query requests may leave out when they are sent to it as their path. */
  readonly pathMember?: string;
  /** Error codes for what every service has to say but names in its own way. */
  readonly codes: {
    readonly validation: string;
    /** A body that is not JSON; `prefix` opens its text. */
    readonly malformed: { readonly code: string; readonly prefix: string };
    readonly throttled: string;
    readonly failure: string;
  };
  /** Answers that differ on the wire from what the model says. */
  readonly quirks?: Readonly<Record<string, { readonly status?: number; readonly contentType?: string }>>;
  readonly requestBytesMax: {
    readonly default: number;
    readonly operations?: Readonly<Record<string, RequestBound>>;
  };
}

/** A bound on a request's body, and how its breach is worded. */
export interface RequestBound {
  readonly bytes: number;
  readonly code: string;
  /** Where AWS's text calls the operation by another name: `InvokeFunction`. */
  readonly calledAs?: string;
}

export interface Operation {
  readonly name: string;
  readonly input: StructureShape;
  readonly output: StructureShape;
  readonly http: { readonly method: string; readonly uri: string; readonly status: number } | undefined;
  /** Content type of a blob that is the whole answer. */
  readonly blobContentType: string;
  readonly bound: RequestBound;
  /** Throws `ApiError` with the service's validation code when the input breaks the model's constraints. */
  readonly validate: Validate;
}

export interface ErrorShape {
  readonly shape: StructureShape;
  readonly status: number;
  /** The code that AWS Query and its JSON heir use in place of the shape's name. */
  readonly queryCode: string;
  readonly fault: "client" | "server";
}

export interface ServiceModel {
  readonly facts: ServiceFacts;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly errors: ReadonlyMap<string, ErrorShape>;
}

const operationKind = 9;
const errorKind = -3;

/** Base exceptions of the SDK itself, which no service throws. */
const syntheticNamespace = "smithy.ts.sdk.synthetic.";

/** Whatever in `schemas` (the exports of a client's schema module) is a tuple is taken, the rest is ignored. */
export function compileService(
  facts: ServiceFacts,
  schemas: Readonly<Record<string, unknown>>,
  constraints?: Constraints,
): ServiceModel {
  const compiler = new ShapeCompiler();
  const operations = new Map<string, Operation>();
  const errors = new Map<string, ErrorShape>();
  for (const tuple of Object.values(schemas)) {
    if (!Array.isArray(tuple)) continue;
    const [kind, namespace, name, rawTraits, input, output] = tuple as readonly unknown[];
    const traits = traitsOf(rawTraits);
    if (kind === operationKind) {
      operations.set(String(name), {
        name: String(name),
        // Compiled at first use, and remembered by the compiler: most of a service's operations are never called.
        get input() {
          return compiler.structure(input);
        },
        get output() {
          return compiler.structure(output);
        },
        http: httpTrait(traits["http"], facts.quirks?.[String(name)]?.status),
        blobContentType: facts.quirks?.[String(name)]?.contentType ?? "application/octet-stream",
        bound: facts.requestBytesMax.operations?.[String(name)] ?? {
          bytes: facts.requestBytesMax.default,
          code: "RequestEntityTooLargeException",
        },
        validate: compileValidation(() => compiler.structure(input), constraints, {
          code: facts.codes.validation,
          missingCode: facts.missingCode,
          hidesValues: facts.hidesValues === true,
        }),
      });
    } else if (kind === errorKind && !String(namespace).startsWith(syntheticNamespace)) {
      errors.set(String(name), errorShape(compiler, tuple, String(name), traits));
    }
  }
  invariant(operations.size > 0, `the schemas of ${facts.name} hold operations`);
  return { facts, operations, errors };
}

function errorShape(
  compiler: ShapeCompiler,
  tuple: unknown,
  name: string,
  traits: Readonly<Record<string, unknown>>,
): ErrorShape {
  const { shape } = compiler.slot(tuple);
  invariant(isStructure(shape), "errors are structures");
  const fault = textTrait(traits, "error") === "server" ? "server" : "client";
  const [queryCode, queryStatus] = (traits["awsQueryError"] ?? []) as readonly [string?, number?];
  const status = traits["httpError"] ?? queryStatus ?? (fault === "server" ? 500 : 400);
  return { shape, status: Number(status), queryCode: queryCode ?? name, fault };
}

function httpTrait(trait: unknown, differingStatus: number | undefined): Operation["http"] {
  if (!Array.isArray(trait)) return undefined;
  const [method, uri, status] = trait as readonly unknown[];
  return { method: String(method), uri: String(uri), status: differingStatus ?? Number(status) };
}
