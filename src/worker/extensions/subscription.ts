/**
 * What an extension subscribes to: one request of the Telemetry API or of the Logs API, parsed and checked once.
 * https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
 */
import { errorAnswer, runtimeApiPort, type Answer } from "../runtime-api/wire.ts";
import { endpointPort } from "../environment/endpoint.ts";

export const telemetryTypes = ["platform", "function", "extension"] as const;
export type TelemetryType = (typeof telemetryTypes)[number];

export type SubscriptionApi = "telemetry" | "logs";

export interface Subscription {
  readonly api: SubscriptionApi;
  readonly schemaVersion: string;
  readonly types: readonly TelemetryType[];
  readonly destination:
    | { readonly protocol: "HTTP"; readonly port: number; readonly path: string; readonly method: "POST" | "PUT" }
    | { readonly protocol: "TCP"; readonly port: number };
  readonly buffering: Buffering;
}

export interface Buffering {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

const schemaVersions = {
  telemetry: ["2022-07-01", "2022-12-13", "2025-01-29"],
  logs: ["2020-08-15", "2021-03-18"],
} as const;

/** Names of the sandbox's own loopback; nothing else is ever connected to. */
const hosts = ["sandbox.localdomain", "sandbox.local", "sandbox"];

/** Served by the worker itself. */
const reservedPorts = new Set([runtimeApiPort, endpointPort]);

const pathLengthMax = 1024;

const bufferingRanges = {
  maxItems: { min: 1000, max: 10_000, defaultValue: { telemetry: 1000, logs: 10_000 } },
  maxBytes: { min: 262_144, max: 1_048_576, defaultValue: { telemetry: 262_144, logs: 262_144 } },
  timeoutMs: { min: 25, max: 30_000, defaultValue: { telemetry: 1000, logs: 1000 } },
} as const;

/** The subscription, or the refusal with all that is wrong. */
export function parseSubscription(value: object, api: SubscriptionApi): Subscription | Answer {
  const problems: string[] = [];
  const { schemaVersion, types, destination, buffering } = value as Readonly<Record<string, unknown>>;
  const subscription = {
    api,
    schemaVersion: parseSchemaVersion(schemaVersion, api, problems),
    types: parseTypes(types, problems),
    destination: parseDestination(destination, problems),
    buffering: parseBuffering(buffering, api, problems),
  };
  if (problems.length === 0) return subscription;
  const errorType = api === "logs" ? "Logs.ValidationError" : "ValidationError";
  return errorAnswer(400, errorType, problems.join("; "));
}

function parseSchemaVersion(value: unknown, api: SubscriptionApi, problems: string[]): string {
  // The Logs API came without versions.
  if (value === undefined && api === "logs") return schemaVersions.logs[0];
  const known: readonly string[] = schemaVersions[api];
  if (typeof value === "string" && known.includes(value)) return value;
  problems.push(
    value === undefined ? "schemaVersion is not provided" : `schemaVersion must be one of ${known.join(", ")}`,
  );
  return "";
}

function parseTypes(value: unknown, problems: string[]): readonly TelemetryType[] {
  if (!Array.isArray(value) || value.length === 0) {
    problems.push("types should not be empty");
    return [];
  }
  const types = telemetryTypes.filter((type) => value.includes(type));
  if (value.some((type) => !types.includes(type as TelemetryType))) {
    problems.push(`types must be of ${telemetryTypes.join(", ")}`);
  }
  return types;
}

function parseDestination(value: unknown, problems: string[]): Subscription["destination"] {
  const nothing = { protocol: "TCP", port: 0 } as const;
  if (typeof value !== "object" || value === null) {
    problems.push("destination is not provided");
    return nothing;
  }
  const { protocol, URI: uri, port, method = "POST" } = value as Readonly<Record<string, unknown>>;
  if (protocol === "TCP") return { protocol, port: parsePort(port, "destination port", problems) };
  if (protocol !== "HTTP") {
    problems.push("protocol must be HTTP or TCP");
    return nothing;
  }
  if (method !== "POST" && method !== "PUT") problems.push("method must be POST or PUT");
  const url = typeof uri === "string" ? URL.parse(uri) : null;
  if (url === null || url.protocol !== "http:") {
    problems.push("URI is not provided or is no http URI");
    return nothing;
  }
  if (!hosts.includes(url.hostname)) problems.push(`URI host must be ${hosts[0]}`);
  const path = `${url.pathname}${url.search}`;
  if (path.length > pathLengthMax) problems.push(`URI path is longer than ${pathLengthMax}`);
  // The parser leaves out the scheme's own port.
  const uriPort =
    url.port === "" && /^http:\/\/[^/?#]*:80(?:[/?#]|$)/i.test(String(uri)) ? 80 : Number(url.port || Number.NaN);
  return { protocol, port: parsePort(uriPort, "URI port", problems), path, method: method === "PUT" ? "PUT" : "POST" };
}

function parsePort(value: unknown, name: string, problems: string[]): number {
  const port = Number.isInteger(value) ? Number(value) : 0;
  if (value === undefined || Number.isNaN(value)) problems.push(`${name} is not provided`);
  else if (port < 1 || port > 65_535) problems.push(`${name} must be 1 to 65535`);
  else if (reservedPorts.has(port)) problems.push(`${name} ${port} is reserved`);
  return port;
}

function parseBuffering(value: unknown, api: SubscriptionApi, problems: string[]): Buffering {
  const given = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  if (value !== undefined && value !== given) problems.push("buffering must be an object");
  const numberOf = (name: keyof Buffering): number => {
    const { min, max, defaultValue } = bufferingRanges[name];
    const item = given[name];
    if (item === undefined) return defaultValue[api];
    if (Number.isInteger(item) && Number(item) >= min && Number(item) <= max) return Number(item);
    problems.push(`buffering ${name} must be ${min} to ${max}`);
    return defaultValue[api];
  };
  return { maxItems: numberOf("maxItems"), maxBytes: numberOf("maxBytes"), timeoutMs: numberOf("timeoutMs") };
}
