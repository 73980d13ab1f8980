/**
 * Function URLs as records: at most one for a function and one for each of its aliases. A URL keeps its id for life.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
 */
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import { functionArn, latestVersion } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { invariant } from "../../core/invariant.ts";
import type { Records } from "../../engine/contract.ts";
import { FunctionParts } from "../functions/function-parts.ts";
import type { Functions } from "../functions/functions.ts";
import { isKnown } from "../functions/is-known.ts";

export interface FunctionUrlCors {
  readonly allowCredentials?: boolean;
  readonly allowHeaders?: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly allowOrigins?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAgeSeconds?: number;
}

export interface FunctionUrlRecord {
  /** Lower-case letters and digits: the first label of the URL's host. */
  readonly urlId: string;
  /** An alias, or `$LATEST` for the function itself. */
  readonly qualifier: string;
  readonly authType: "AWS_IAM" | "NONE";
  readonly invokeMode: "BUFFERED" | "RESPONSE_STREAM";
  readonly cors?: FunctionUrlCors;
  readonly createdAtMs: number;
  readonly lastModifiedMs: number;
}

export interface FunctionUrlSettings {
  readonly authType: FunctionUrlRecord["authType"];
  readonly invokeMode: FunctionUrlRecord["invokeMode"];
  /** Empty is none. */
  readonly cors: FunctionUrlCors;
}

/** Base-36 digits of a URL id. */
export const urlIdLength = 32;

/** A fresh id from 24 random bytes, which hold more than 32 digits can. */
export function newUrlId(random: (size: number) => Uint8Array): string {
  const hex = Buffer.from(random(24)).toString("hex");
  return BigInt(`0x${hex}`).toString(36).padStart(urlIdLength, "0").slice(-urlIdLength);
}

/** The URL of an alias, or of the function itself when the alias is undefined. */
export interface UrlTarget {
  readonly scope: Scope;
  readonly name: string;
  readonly alias: string | undefined;
}

export class FunctionUrls {
  readonly #urls: FunctionParts<FunctionUrlRecord>;
  readonly #functions: Pick<Functions, "find" | "resolve">;
  readonly #clock: Clock;
  readonly #newUrlId: () => string;

  constructor(options: {
    readonly records: Records;
    readonly functions: Pick<Functions, "find" | "resolve">;
    readonly clock: Clock;
    /** Unguessable, and never the same twice. */
    readonly newUrlId: () => string;
  }) {
    this.#urls = new FunctionParts(options.records, "function-url");
    this.#functions = options.functions;
    this.#clock = options.clock;
    this.#newUrlId = options.newUrlId;
  }

  /** Throws ResourceConflictException when there is one already. */
  async create(target: UrlTarget, settings: FunctionUrlSettings): Promise<FunctionUrlRecord> {
    await this.#requireFunction(target);
    const nowMs = this.#clock.now();
    const first = {
      urlId: this.#newUrlId(),
      qualifier: qualifierOf(target),
      createdAtMs: nowMs,
      lastModifiedMs: nowMs,
    };
    return this.#write(target, (current) => {
      if (current !== undefined) throw urlExists(target);
      return withSettings(first, settings);
    });
  }

  /** Changes what is given. */
  async update(target: UrlTarget, change: Partial<FunctionUrlSettings>): Promise<FunctionUrlRecord> {
    await this.#requireFunction(target);
    return this.#write(target, (current) => {
      if (current === undefined) throw urlNotFound();
      const settings = { cors: {}, ...current, ...change };
      return withSettings({ ...current, lastModifiedMs: this.#clock.now() }, settings);
    });
  }

  /** Throws ResourceNotFoundException, whatever is missing: the URL, the alias or the function. */
  async get(target: UrlTarget): Promise<FunctionUrlRecord> {
    const found = await this.#urls.find(target.scope, target.name, qualifierOf(target));
    if (found === undefined) throw urlNotFound();
    return found;
  }

  async delete(target: UrlTarget): Promise<void> {
    await this.#urls.modify(target.scope, target.name, qualifierOf(target), (current) => {
      if (current === undefined) throw urlNotFound();
      return undefined;
    });
  }

  /** Those of one function, its own first, then those of aliases, after `after`. */
  async list(
    scope: Scope,
    name: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<FunctionUrlRecord[]> {
    if ((await this.#functions.find(scope, name)) === undefined) throw functionMissing();
    return this.#urls.list(scope, name, options);
  }

  async #write(
    target: UrlTarget,
    change: (current: FunctionUrlRecord | undefined) => FunctionUrlRecord,
  ): Promise<FunctionUrlRecord> {
    const written = await this.#urls.modify(target.scope, target.name, qualifierOf(target), change);
    invariant(written !== undefined, "a written URL is there");
    return written;
  }

  async #requireFunction({ scope, name, alias }: UrlTarget): Promise<void> {
    if (!(await isKnown(this.#functions, scope, name, alias))) throw functionMissing();
  }
}

function qualifierOf({ alias }: UrlTarget): string {
  return alias ?? latestVersion;
}

function withSettings(
  base: Pick<FunctionUrlRecord, "urlId" | "qualifier" | "createdAtMs" | "lastModifiedMs">,
  { authType, invokeMode, cors }: FunctionUrlSettings,
): FunctionUrlRecord {
  const { urlId, qualifier, createdAtMs, lastModifiedMs } = base;
  const record = { urlId, qualifier, authType, invokeMode, createdAtMs, lastModifiedMs };
  return Object.keys(cors).length === 0 ? record : { ...record, cors };
}

function functionMissing(): ApiError {
  return new ApiError("ResourceNotFoundException", "Function does not exist");
}

function urlNotFound(): ApiError {
  return new ApiError("ResourceNotFoundException", "The resource you requested does not exist.");
}

function urlExists({ scope, name, alias }: UrlTarget): ApiError {
  return new ApiError(
    "ResourceConflictException",
    `Failed to create function url config for [functionArn = ${functionArn(scope, name, alias)}]. ` +
      "Error message:  FunctionUrlConfig exists for this Lambda function",
  );
}
