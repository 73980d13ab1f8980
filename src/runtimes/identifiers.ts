/**
 * The runtime identifiers that AWS knows, and what it says to one that it no longer takes or never knew. The texts are AWS's own,
 * since tools match on them.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
 */
import type { RuntimeFamily } from "./contract.ts";

/** In the order in which AWS lists them when it refuses an unknown one. */
export const listedRuntimes = [
  "nodejs20.x",
  "python3.14",
  "provided.al2023",
  "python3.12",
  "python3.13",
  "nodejs24.x",
  "nodejs22.x",
  "java25",
  "python3.10",
  "python3.11",
  "java21",
  "ruby3.3",
  "ruby3.4",
  "ruby3.2",
  "python3.8",
  "python3.9",
  "java17",
  "nodejs16.x",
  "dotnet10",
  "dotnet8",
  "java11",
  "dotnet6",
  "nodejs18.x",
  "provided.al2",
  "java8.al2",
] as const;

/** In the newest service model, though not yet in that list. */
const upcomingRuntimes = [
  "java11.al2023",
  "java17.al2023",
  "java8.al2023",
  "nodejs26.x",
  "python3.15",
  "ruby4.0",
] as const;

/** AWS refuses to create or update functions with these. */
const deprecatedRuntimes = [
  "dotnetcore1.0",
  "dotnetcore2.0",
  "dotnetcore2.1",
  "dotnetcore3.1",
  "go1.x",
  "java8",
  "nodejs",
  "nodejs10.x",
  "nodejs12.x",
  "nodejs14.x",
  "nodejs4.3",
  "nodejs4.3-edge",
  "nodejs6.10",
  "nodejs8.10",
  "provided",
  "python2.7",
  "python3.6",
  "python3.7",
  "ruby2.5",
  "ruby2.7",
] as const;

const known: ReadonlySet<string> = new Set([...listedRuntimes, ...upcomingRuntimes]);
const deprecated: ReadonlySet<string> = new Set(deprecatedRuntimes);

export type RuntimeClassification =
  /** AWS takes it. `family` is undefined for languages that Hearth has no runtime for (Java, .NET, Ruby). */
  | { readonly kind: "known"; readonly family: RuntimeFamily | undefined }
  /** AWS takes it no longer, or never did; `message` is AWS's `InvalidParameterValueException`. */
  | { readonly kind: "deprecated" | "unknown"; readonly message: string };

export function classifyRuntime(identifier: string): RuntimeClassification {
  if (known.has(identifier)) return { kind: "known", family: familyOf(identifier) };
  if (deprecated.has(identifier)) {
    return {
      kind: "deprecated",
      message:
        `The runtime parameter of ${identifier} is no longer supported for creating or updating AWS Lambda functions. ` +
        "We recommend you use a supported runtime while creating or updating functions.",
    };
  }
  return {
    kind: "unknown",
    message:
      `Value ${identifier} at 'runtime' failed to satisfy constraint: ` +
      `Member must satisfy enum value set: [${listedRuntimes.join(", ")}] or be a valid ARN`,
  };
}

/** What is said to an identifier that AWS knows and that is not installed here: that it is so, and what mends it. */
export function absentRuntimeMessage(identifier: string): string {
  const begin = `The runtime ${identifier} is known to AWS Lambda but is not installed on this Hearth.`;
  return familyOf(identifier) === undefined
    ? `${begin} Hearth has no runtime for this language yet: package the function with a bootstrap of its own and use provided.al2023.`
    : `${begin} Register an interpreter for it with: hearth runtimes add ${identifier} PATH (a directory or .tar.gz with its bin/).`;
}

function familyOf(identifier: string): RuntimeFamily | undefined {
  if (identifier.startsWith("nodejs")) return "nodejs";
  if (identifier.startsWith("python")) return "python";
  if (identifier.startsWith("provided")) return "provided";
  return undefined;
}

/** `3.13` of `python3.13`, `24` of `nodejs24.x`; undefined for other families. */
export function languageVersionOf(identifier: string): string | undefined {
  return /^(?:python|nodejs)(\d+(?:\.\d+)?)(?:\.x)?$/.exec(identifier)?.[1];
}

/** Identifiers of one family that AWS knows. */
export function knownRuntimes(family: RuntimeFamily): string[] {
  return [...known].filter((identifier) => familyOf(identifier) === family);
}
