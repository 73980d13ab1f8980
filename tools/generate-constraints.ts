/**
 * Writes src/aws/generated/constraints-<service>.ts: lengths, patterns, ranges and enums of the inputs, which the SDK's
 * schemas do not carry, from facts extracted from AWS's service models (`constraints_<service>.json`). The folder with
 * those is ../shared/models beside the project, or HEARTH_MODELS.
 *
 *     hearth node tools/generate-constraints.ts
 */
import * as Logs from "@aws-sdk/client-cloudwatch-logs";
import * as Lambda from "@aws-sdk/client-lambda";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Constraint, Constraints } from "../src/aws/wire/constraints.ts";
import type { Shape } from "../src/aws/wire/shapes.ts";
import { isStructure, ShapeCompiler } from "../src/aws/wire/shapes.ts";
import { listedRuntimes } from "../src/runtimes/identifiers.ts";

interface Model {
  readonly shapes: Readonly<
    Record<string, Omit<Constraint, "type"> & { readonly type: string; readonly required?: readonly string[] }>
  >;
  readonly members: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What the models get wrong for us, or leave out; every entry with its reason. */
interface Overrides {
  /** Replaces or adds a shape; `undefined` drops its constraints. */
  readonly shapes: Readonly<Record<string, Constraint | undefined>>;
  /** Members that the model gives no constraint of their own: structure → member → shape. */
  readonly members?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Patterns that AWS was recorded to answer with in place of the model's. */
  readonly recordedPatterns?: Readonly<Record<string, string>>;
}

const regionPattern = String.raw`(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`;

/** In the order in which AWS lists them when a filter names another one. */
const layerRuntimes =
  "ruby3.5 ruby2.6 dotnetcore1.0 python3.7 nodejs8.10 nasa ruby2.7 python2.7-greengrass dotnetcore2.0 python3.8 java21 " +
  "dotnet6 dotnetcore2.1 python3.9 java11 nodejs6.10 provided dotnetcore3.1 dotnet8 java25 java17 nodejs nodejs4.3 " +
  "java8.al2 go1.x dotnet10 nodejs20.x go1.9 byol nodejs10.x provided.al2023 nodejs22.x python3.10 java8 nodejs12.x " +
  "python3.11 nodejs24.x nodejs8.x python3.12 nodejs14.x nodejs8.9 nodejs26.x python3.13 python3.14 nodejs16.x " +
  "python3.15 provided.al2 nodejs4.3-edge nodejs18.x ruby3.2 python3.4 ruby3.3 ruby3.4 ruby2.5 python3.6 python2.7";
/** In the newest service model, though not yet in that list. */
const newestRuntimes = "java11.al2023 java17.al2023 java8.al2023 ruby4.0";

const lambdaOverrides: Overrides = {
  shapes: {
    // The model has the bounds of managed instances; functions on demand end at 900 s and 10,240 MB.
    Timeout: { type: "integer", min: 1, max: 900 },
    MemorySize: { type: "integer", min: 128, max: 10_240 },
    // Lambda checks the runtime itself, as InvalidParameterValueException with a text of its own.
    Runtime: undefined,
    // Items, keys and values of lists and maps: the extracted models name only their sizes.
    AllowMethodsList: { type: "list", min: 0, max: 6, item: "Method" },
    AllowOriginsList: { type: "list", min: 0, max: 100, item: "Origin" },
    ArchitecturesList: { type: "list", min: 1, max: 1, item: "Architecture" },
    // Layers may name what functions may not; AWS's text lists what functions may.
    CompatibleRuntimes: {
      type: "list",
      min: 0,
      max: 15,
      enum: listedRuntimes,
      unlisted: `${layerRuntimes} ${newestRuntimes}`.split(" "),
    },
    LayerRuntime: { type: "string", enum: layerRuntimes.split(" "), unlisted: newestRuntimes.split(" ") },
    CompatibleArchitectures: { type: "list", min: 0, max: 2, item: "Architecture" },
    EnvironmentVariables: { type: "map", key: "EnvironmentVariableName" },
    FunctionResponseTypeList: { type: "list", min: 0, max: 1, item: "FunctionResponseType" },
    HeadersList: { type: "list", min: 0, max: 100, item: "Header" },
    LayerList: { type: "list", item: "LayerVersionArn", isItemRequired: true },
    Queues: { type: "list", min: 1, max: 1, item: "Queue" },
    SecurityGroupIds: { type: "list", min: 0, max: 5, item: "SecurityGroupId" },
    SigningProfileVersionArns: { type: "list", min: 1, max: 20, item: "Arn" },
    SubnetIds: { type: "list", min: 0, max: 16, item: "SubnetId" },
    Topics: { type: "list", min: 1, max: 1, item: "Topic" },
  },
  members: {
    ListLayersRequest: { CompatibleRuntime: "LayerRuntime" },
    ListLayerVersionsRequest: { CompatibleRuntime: "LayerRuntime" },
  },
  recordedPatterns: {
    NamespacedFunctionName:
      String.raw`(arn:(aws[a-zA-Z-]*)?:lambda:)?(${regionPattern}:)?(\d{12}:)?(function:)?` +
      String.raw`([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`,
    LayerVersionArn:
      String.raw`(arn:(aws[a-zA-Z-]*)?:lambda:${regionPattern}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)` +
      String.raw`|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)`,
    TaggableResource:
      String.raw`arn:(aws[a-zA-Z-]*):lambda:${regionPattern}:\d{12}:` +
      String.raw`(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|` +
      String.raw`code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-` +
      String.raw`[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`,
  },
};

const logsOverrides: Overrides = {
  shapes: {
    InputLogStreamNames: { type: "list", min: 1, max: 100, item: "LogStreamName" },
    LogGroupIdentifiers: { type: "list", item: "LogGroupIdentifier" },
    LogGroupNames: { type: "list", item: "LogGroupName" },
    TagList: { type: "list", min: 1, item: "TagKey" },
    TagKeyList: { type: "list", min: 0, max: 50, item: "TagKey" },
    Tags: { type: "map", min: 1, max: 50, key: "TagKey", value: "TagValue" },
    TestEventMessages: { type: "list", min: 1, max: 50, item: "EventMessage" },
  },
};

interface Target {
  readonly service: string;
  readonly name: string;
  readonly schemas: Readonly<Record<string, unknown>>;
  readonly overrides: Overrides;
}

const targets: readonly Target[] = [
  { service: "lambda", name: "lambdaConstraints", schemas: Lambda, overrides: lambdaOverrides },
  { service: "logs", name: "logsConstraints", schemas: Logs, overrides: logsOverrides },
];

const modelDirectory = process.env["HEARTH_MODELS"] ?? fileURLToPath(new URL("../../shared/models", import.meta.url));

function outputOf(service: string): string {
  return fileURLToPath(new URL(`../src/aws/generated/constraints-${service}.ts`, import.meta.url));
}

/** Names of the structures that inputs are made of. */
function inputStructures(schemas: Readonly<Record<string, unknown>>): Set<string> {
  const compiler = new ShapeCompiler();
  const names = new Set<string>();
  const seen = new Set<Shape>();
  const visit = (shape: Shape): void => {
    if (seen.has(shape)) return;
    seen.add(shape);
    if (isStructure(shape)) {
      names.add(shape.name);
      for (const member of shape.members) visit(member.shape);
    } else if (shape.kind === "list") visit(shape.member.shape);
    else if (shape.kind === "map") visit(shape.value.shape);
  };
  for (const tuple of Object.values(schemas)) {
    if (Array.isArray(tuple) && tuple[0] === 9) visit(compiler.structure(tuple[4]));
  }
  return names;
}

/** A Java pattern as JavaScript must read it; undefined when it reads it as it stands. */
function portedPattern(pattern: string): string | undefined {
  if (!/\\p\{/.test(pattern)) {
    void new RegExp(`^(?:${pattern})$`);
    return undefined;
  }
  // Unicode classes need the flag `u`, which wants every literal hyphen and needless escape spelt out.
  const ported = pattern
    .replaceAll(/\\([_:/=@#%&,"'<>~`! -])/g, (_, character: string) => (character === "-" ? "\\-" : character))
    .replaceAll(/(\[(?:[^\]\\]|\\.)*\])/g, (set) => set.replaceAll(/(\\p\{\w+\}|\\[wds])-/g, "$1\\-"));
  void new RegExp(`^(?:${ported})$`, "u");
  return ported;
}

function extract(target: Target): Constraints {
  const file = `${modelDirectory}/constraints_${target.service}.json`;
  const model = JSON.parse(readFileSync(file, "utf8")) as Model;
  const shapes: Record<string, Constraint> = {};
  const take = (name: string): boolean => {
    if (name in shapes) return true;
    const isOverridden = name in target.overrides.shapes;
    const found = isOverridden ? target.overrides.shapes[name] : model.shapes[name];
    if (found === undefined || found.type === "structure") return false;
    const { type, min, max, enum: values, unlisted, item, key, value, isItemRequired } = found as Constraint;
    const pattern = target.overrides.recordedPatterns?.[name] ?? found.pattern;
    const regex = pattern === undefined ? undefined : portedPattern(pattern);
    shapes[name] = {
      type,
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max }),
      ...(pattern !== undefined && { pattern }),
      ...(regex !== undefined && { regex }),
      ...(values !== undefined && { enum: values }),
      ...(unlisted !== undefined && { unlisted }),
      ...(item !== undefined && { item }),
      ...(key !== undefined && { key }),
      ...(value !== undefined && { value }),
      ...(isItemRequired !== undefined && { isItemRequired }),
    };
    for (const inner of [item, key, value]) {
      if (inner !== undefined && !take(inner)) throw new Error(`${target.service}: ${name} refers to unknown ${inner}`);
    }
    return true;
  };
  const members: Record<string, Record<string, string>> = {};
  const required: Record<string, readonly string[]> = {};
  for (const structure of [...inputStructures(target.schemas)].toSorted()) {
    const named = { ...model.members[structure], ...target.overrides.members?.[structure] };
    const constrained = Object.entries(named).filter(([, shape]) => take(shape));
    if (constrained.length > 0) members[structure] = Object.fromEntries(constrained);
    const needed = model.shapes[structure]?.required ?? [];
    if (needed.length > 0) required[structure] = needed;
  }
  return {
    shapes: Object.fromEntries(Object.entries(shapes).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    members,
    required,
  };
}

/** One entry a line: a change of the model shows as the lines it changes. */
function printTable(table: Readonly<Record<string, unknown>>): string {
  return Object.entries(table)
    .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)},\n`)
    .join("");
}

function print(target: Target, { shapes, members, required }: Constraints): string {
  return (
    `// Generated by tools/generate-constraints.ts; do not edit.\n` +
    `import type { Constraints } from "../wire/constraints.ts";\n\n` +
    `export const ${target.name}: Constraints = {\n` +
    `  shapes: {\n${printTable(shapes)}  },\n` +
    `  members: {\n${printTable(members)}  },\n` +
    `  required: {\n${printTable(required)}  },\n` +
    `};\n`
  );
}

/** Path and content of every generated file; undefined where the models are not at hand. */
export function generateConstraints(): readonly { readonly path: string; readonly content: string }[] | undefined {
  if (!existsSync(modelDirectory)) return undefined;
  return targets.map((target) => ({ path: outputOf(target.service), content: print(target, extract(target)) }));
}

if (import.meta.main) {
  const files = generateConstraints();
  if (files === undefined) throw new Error(`no service models in ${modelDirectory}; set HEARTH_MODELS`);
  for (const { path, content } of files) writeFileSync(path, content);
}
