/**
 * Finds service, protocol and operation of a request, by what AWS clients send: the SigV4 credential scope, X-Amz-Target,
 * the host name, the path of a REST or CBOR operation, or the form fields `Action` and `Version` of AWS Query.
 */
import type { IncomingHttpHeaders } from "node:http";
import { ApiError } from "../../core/errors.ts";
import type { Handlers, LazyService, Service } from "../service.ts";
import { queryFields } from "./query-protocol.ts";
import { createQueryProtocol } from "./query-protocol.ts";
import type { Protocol } from "./protocol.ts";
import { createRestProtocol } from "./rest-protocol.ts";
import { createRpcCborProtocol } from "./rpc-cbor-protocol.ts";
import { createRpcJsonProtocol } from "./rpc-json-protocol.ts";
import type { Operation, ProtocolName, ServiceModel } from "./service-model.ts";
import { UriRoutes } from "./uri-routes.ts";

export interface Addressing {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The service of the credential scope. */
  readonly signedService: string | undefined;
}

/** What a request is for. `operation` is undefined until the body of an AWS Query request is read. */
export interface Destination {
  readonly entry: ServiceEntry;
  readonly protocol: Protocol;
  readonly operation: Operation | undefined;
  readonly labels: readonly string[];
}

const documentation = "docs/compatibility.md lists what Hearth supports";

export function createProtocol(model: ServiceModel, name: ProtocolName): Protocol {
  switch (name) {
    case "restJson1":
      return createRestProtocol(model, "json");
    case "restXml":
      return createRestProtocol(model, "xml");
    case "awsJson1_0":
      return createRpcJsonProtocol(model, "1.0");
    case "awsJson1_1":
      return createRpcJsonProtocol(model, "1.1");
    case "awsQuery":
      return createQueryProtocol(model);
    case "rpcv2Cbor":
      return createRpcCborProtocol(model);
    default:
      throw new Error(`unknown protocol ${String(name satisfies never)}`);
  }
}

export class ServiceEntry {
  readonly model: ServiceModel;
  readonly handlers: Handlers;
  /** Gives the service that this entry only stands for; undefined once it is there. */
  readonly load: (() => Promise<Service>) | undefined;
  readonly protocols = new Map<ProtocolName, Protocol>();
  readonly routes = new UriRoutes<Operation>();

  constructor(service: Service | LazyService) {
    const isLazy = "load" in service;
    const unloaded = { operations: new Map(), errors: new Map() };
    const model = isLazy ? { facts: service.facts, ...unloaded } : service.model;
    this.load = isLazy ? service.load : undefined;
    this.model = model;
    this.handlers = isLazy ? {} : service.handlers;
    for (const name of model.facts.protocols) this.protocols.set(name, createProtocol(model, name));
    for (const operation of this.rest === undefined ? [] : model.operations.values()) {
      if (operation.http !== undefined) this.routes.add(operation.http.method, operation.http.uri, operation);
    }
  }

  get rest(): Protocol | undefined {
    return this.protocols.get("restJson1") ?? this.protocols.get("restXml");
  }

  operation(name: string): Operation {
    const operation = this.model.operations.get(name);
    if (operation !== undefined) return operation;
    throw new ApiError(
      "UnknownOperationException",
      `${this.model.facts.name} has no operation ${name}; ${documentation}.`,
    );
  }
}

/** Facts of a service that is none: what unknown requests are answered by. */
const nobody: ServiceModel = {
  facts: {
    name: "unknown",
    signingName: "unknown",
    namespace: "com.amazon.coral.service",
    version: "",
    targetPrefix: "",
    protocols: ["restJson1"],
    codes: {
      validation: "ValidationException",
      malformed: { code: "SerializationException", prefix: "" },
      throttled: "ThrottlingException",
      failure: "InternalFailure",
    },
    requestBytesMax: { default: 0 },
  },
  operations: new Map(),
  errors: new Map(),
};

const cborPath = /^\/service\/([^/]+)\/operation\/([^/]+)$/;

export class ServiceDirectory {
  #entries: readonly ServiceEntry[] = [];
  #bySigningName: ReadonlyMap<string, ServiceEntry> = new Map();
  #byHostLabel: ReadonlyMap<string, ServiceEntry> = new Map();
  #byTarget: ReadonlyMap<string, ServiceEntry> = new Map();
  readonly #loading = new Map<ServiceEntry, Promise<ServiceEntry>>();

  constructor(services: readonly (Service | LazyService)[]) {
    this.#index(services.map((service) => new ServiceEntry(service)));
  }

  #index(entries: readonly ServiceEntry[]): void {
    this.#entries = entries;
    this.#bySigningName = new Map(this.#entries.map((entry) => [entry.model.facts.signingName, entry]));
    this.#byTarget = new Map(this.#entries.map((entry) => [entry.model.facts.targetPrefix, entry]));
    this.#byHostLabel = new Map(
      this.#entries.flatMap((entry) => {
        const { signingName, hostLabels = [] } = entry.model.facts;
        return [signingName, ...hostLabels].map((label) => [label, entry] as const);
      }),
    );
  }

  /** The service and protocol of a request that none is known for, to answer it in its own tongue. */
  stranger(addressing: Addressing): { readonly model: ServiceModel; readonly protocol: Protocol } {
    return { model: nobody, protocol: createProtocol(nobody, guessProtocol(addressing)) };
  }

  /** Throws `ApiError` for a service or operation that there is not. A promise only while the service is being loaded. */
  find(addressing: Addressing): Destination | Promise<Destination> {
    const target = addressing.headers["x-amz-target"];
    const [targetPrefix, targetOperation] = typeof target === "string" ? splitTarget(target) : [];
    const entry = this.#entry(addressing, targetPrefix);
    const loading = this.#loadingOf(entry);
    if (loading === undefined) return destinationIn(entry, addressing, targetOperation);
    return loading.then((loaded) => destinationIn(loaded, addressing, targetOperation));
  }

  /** Loads once, for all who wait; when that fails, the next request tries again. Undefined when there is nothing to load. */
  #loadingOf(entry: ServiceEntry): Promise<ServiceEntry> | undefined {
    const { load } = entry;
    if (load === undefined) return undefined;
    const loading = this.#loading.get(entry) ?? this.#replace(entry, async () => load());
    this.#loading.set(entry, loading);
    return loading;
  }

  async #replace(entry: ServiceEntry, load: () => Promise<Service>): Promise<ServiceEntry> {
    try {
      const loaded = new ServiceEntry(await load());
      this.#index(this.#entries.map((other) => (other === entry ? loaded : other)));
      return loaded;
    } finally {
      this.#loading.delete(entry);
    }
  }

  /** The operation that an AWS Query request names in its fields. */
  queryOperation(entry: ServiceEntry, query: string, body: Buffer): Operation {
    const action = queryFields(query, body).get("Action");
    if (action === null) throw new ApiError("MissingAction", "The request must contain the parameter Action.");
    return entry.operation(action);
  }

  #entry(addressing: Addressing, targetPrefix: string | undefined): ServiceEntry {
    const { signedService, headers, method, path, query } = addressing;
    if (signedService !== undefined) {
      const signed = this.#bySigningName.get(signedService);
      if (signed !== undefined) return signed;
      throw unknownService(signedService);
    }
    if (targetPrefix !== undefined) {
      const targeted = this.#byTarget.get(targetPrefix);
      if (targeted !== undefined) return targeted;
      throw unknownService(targetPrefix);
    }
    const [hostLabel = ""] = (headers.host ?? "").split(".", 1);
    const hosted =
      this.#byHostLabel.get(hostLabel) ??
      this.#byTarget.get(cborPath.exec(path)?.[1] ?? "") ??
      this.#entries.find((entry) => entry.routes.match(method, path, query) !== undefined) ??
      (isForm(headers) || query.includes("Action=") ? this.#queryEntry(query) : undefined);
    if (hosted !== undefined) return hosted;
    const message = `The request names no service that Hearth has; ${documentation}.`;
    throw new ApiError("UnknownOperationException", message);
  }

  /** Of several query services the one whose Version the query string has; the only one otherwise. */
  #queryEntry(query: string): ServiceEntry | undefined {
    const entries = this.#entries.filter((entry) => entry.protocols.has("awsQuery"));
    const version = new URLSearchParams(query).get("Version");
    return entries.find((entry) => entry.model.facts.version === version) ?? entries[0];
  }
}

function destinationIn(entry: ServiceEntry, addressing: Addressing, targetOperation: string | undefined): Destination {
  const { headers, path, query, method } = addressing;
  if (headers["smithy-protocol"] === "rpc-v2-cbor") {
    const protocol = entry.protocols.get("rpcv2Cbor");
    const operation = cborPath.exec(path)?.[2];
    if (protocol !== undefined && operation !== undefined) {
      return { entry, protocol, operation: entry.operation(operation), labels: [] };
    }
  }
  if (targetOperation !== undefined) {
    const protocol = entry.protocols.get("awsJson1_0") ?? entry.protocols.get("awsJson1_1");
    if (protocol !== undefined) return { entry, protocol, operation: entry.operation(targetOperation), labels: [] };
  }
  const route = entry.rest && entry.routes.match(method, path, query);
  if (route !== undefined && entry.rest !== undefined) {
    return { entry, protocol: entry.rest, operation: route.target, labels: route.labels };
  }
  const queryProtocol = entry.protocols.get("awsQuery");
  if (queryProtocol !== undefined && (isForm(headers) || query.includes("Action="))) {
    return { entry, protocol: queryProtocol, operation: undefined, labels: [] };
  }
  const asked = `${method.slice(0, 20)} ${path.slice(0, 200)}`;
  const message = `${entry.model.facts.name} has no operation for ${asked}; ${documentation}.`;
  throw new ApiError("UnknownOperationException", message);
}

function splitTarget(target: string): readonly [string, string] {
  const dot = target.lastIndexOf(".");
  return [target.slice(0, Math.max(dot, 0)), target.slice(dot + 1)];
}

function isForm(headers: IncomingHttpHeaders): boolean {
  return headers["content-type"]?.startsWith("application/x-www-form-urlencoded") ?? false;
}

function guessProtocol({ headers, query }: Addressing): ProtocolName {
  if (headers["smithy-protocol"] === "rpc-v2-cbor") return "rpcv2Cbor";
  if (headers["x-amz-target"] !== undefined) {
    return headers["content-type"]?.includes("json-1.1") === true ? "awsJson1_1" : "awsJson1_0";
  }
  return isForm(headers) || query.includes("Action=") ? "awsQuery" : "restJson1";
}

function unknownService(name: string): ApiError {
  return new ApiError("UnknownOperationException", `Hearth has no service ${name.slice(0, 100)}; ${documentation}.`);
}
