/**
 * How asynchronous invocations of a function, of a version or of an alias are retried, and where their outcome is sent:
 * one record for each qualifier, `$LATEST` for the function itself.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
 */
import { parseFunctionArn } from "../../core/arn.ts";
import type { Clock } from "../../core/clock.ts";
import { ApiError } from "../../core/errors.ts";
import { functionArn } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { invariant } from "../../core/invariant.ts";
import type { Records } from "../../engine/contract.ts";
import { FunctionParts } from "../functions/function-parts.ts";
import type { Functions } from "../functions/functions.ts";
import { isKnown } from "../functions/is-known.ts";
import { destinationKindOf, type DestinationKind } from "./destination.ts";

export interface EventInvokeConfig {
  /** `$LATEST`, a version number or an alias. */
  readonly qualifier: string;
  /** 0 to 2; AWS's default is 2. */
  readonly maximumRetryAttempts?: number;
  /** 60 to 21,600; AWS's default is 21,600. */
  readonly maximumEventAgeSeconds?: number;
  /** ARNs. */
  readonly onSuccess?: string;
  readonly onFailure?: string;
  readonly lastModifiedMs: number;
}

/** Of one outcome; an ARN of undefined takes the destination away. */
interface DestinationSetting {
  readonly arn: string | undefined;
}

/** What a caller sets; what is absent is not named. */
export interface EventInvokeSettings {
  readonly maximumRetryAttempts?: number;
  readonly maximumEventAgeSeconds?: number;
  readonly destinations?: { readonly onSuccess?: DestinationSetting; readonly onFailure?: DestinationSetting };
}

/** A function with the qualifier that the configuration is of. */
export interface QualifiedFunction {
  readonly scope: Scope;
  readonly name: string;
  readonly qualifier: string;
}

export class EventInvokeConfigs {
  readonly #configs: FunctionParts<EventInvokeConfig>;
  readonly #functions: Pick<Functions, "find" | "resolve">;
  readonly #clock: Clock;

  constructor(options: {
    readonly records: Records;
    readonly functions: Pick<Functions, "find" | "resolve">;
    readonly clock: Clock;
  }) {
    this.#configs = new FunctionParts(options.records, "event-invoke-config");
    this.#functions = options.functions;
    this.#clock = options.clock;
  }

  /** Replaces the configuration: what `settings` leaves out is gone. */
  async put(target: QualifiedFunction, settings: EventInvokeSettings): Promise<EventInvokeConfig> {
    return this.#write(target, settings, () => ({ qualifier: target.qualifier, lastModifiedMs: 0 }));
  }

  /** Changes what `settings` names; throws ResourceNotFoundException when there is no configuration yet. */
  async update(target: QualifiedFunction, settings: EventInvokeSettings): Promise<EventInvokeConfig> {
    return this.#write(target, settings, (current) => {
      if (current === undefined) throw configNotFound(target);
      return current;
    });
  }

  /** Throws ResourceNotFoundException, whatever is missing: the configuration, the qualifier or the function. */
  async get(target: QualifiedFunction): Promise<EventInvokeConfig> {
    const config = await this.#configs.find(target.scope, target.name, target.qualifier);
    if (config === undefined) throw configNotFound(target);
    return config;
  }

  async delete(target: QualifiedFunction): Promise<void> {
    await this.#configs.modify(target.scope, target.name, target.qualifier, (current) => {
      if (current === undefined) throw configNotFound(target);
      return undefined;
    });
  }

  /** Those of one function, `$LATEST` first, then versions, then aliases. */
  async list(
    scope: Scope,
    name: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<EventInvokeConfig[]> {
    if ((await this.#functions.find(scope, name)) === undefined) throw functionMissing();
    return this.#configs.list(scope, name, options);
  }

  async #write(
    target: QualifiedFunction,
    settings: EventInvokeSettings,
    baseOf: (current: EventInvokeConfig | undefined) => EventInvokeConfig,
  ): Promise<EventInvokeConfig> {
    requireSettings(settings);
    await this.#requireFunction(target);
    await this.#requireDestinations(target, settings);
    const { scope, name, qualifier } = target;
    const written = await this.#configs.modify(scope, name, qualifier, (current) => ({
      ...changed(baseOf(current), settings),
      lastModifiedMs: this.#clock.now(),
    }));
    invariant(written !== undefined, "a written configuration is there");
    return written;
  }

  async #requireFunction({ scope, name, qualifier }: QualifiedFunction): Promise<void> {
    if (!(await isKnown(this.#functions, scope, name, qualifier))) throw functionMissing();
  }

  async #requireDestinations(target: QualifiedFunction, { destinations }: EventInvokeSettings): Promise<void> {
    const onSuccess = destinations?.onSuccess?.arn;
    const onFailure = destinations?.onFailure?.arn;
    for (const arn of [onSuccess, onFailure]) if (arn !== undefined) await this.#requireFunctionBehind(target, arn);
    if (!isDestination(onSuccess, "success") || !isDestination(onFailure, "failure")) {
      throw new ApiError(
        "InvalidParameterValueException",
        `The provided destination config DestinationConfig(onSuccess=${shown("OnSuccess", onSuccess)}, ` +
          `onFailure=${shown("OnFailure", onFailure)}) is invalid.`,
      );
    }
    for (const arn of [onSuccess, onFailure]) if (arn !== undefined) requireServed(target, arn);
  }

  /** Only of functions it is known whether they exist; those of other accounts and regions are out of reach. */
  async #requireFunctionBehind({ scope, name }: QualifiedFunction, arn: string): Promise<void> {
    if (destinationKindOf(arn) !== "function") return;
    const parts = parseFunctionArn(arn);
    const isHere = parts !== undefined && parts.scope.account === scope.account && parts.scope.region === scope.region;
    const record = isHere ? await this.#functions.find(scope, parts.name) : undefined;
    if (parts === undefined || record === undefined) {
      throw new ApiError("InvalidParameterValueException", `The destination ARN ${arn} is invalid.`);
    }
    if (parts.name === name) {
      throw new ApiError(
        "InvalidParameterValueException",
        "You can't specify the function as a destination for itself.",
      );
    }
  }
}

function changed(base: EventInvokeConfig, settings: EventInvokeSettings): EventInvokeConfig {
  const { maximumRetryAttempts, maximumEventAgeSeconds, destinations } = settings;
  const { onSuccess, onFailure, ...rest } = base;
  const success = destinations?.onSuccess === undefined ? onSuccess : destinations.onSuccess.arn;
  const failure = destinations?.onFailure === undefined ? onFailure : destinations.onFailure.arn;
  return {
    ...rest,
    ...(maximumRetryAttempts === undefined ? {} : { maximumRetryAttempts }),
    ...(maximumEventAgeSeconds === undefined ? {} : { maximumEventAgeSeconds }),
    ...(success === undefined ? {} : { onSuccess: success }),
    ...(failure === undefined ? {} : { onFailure: failure }),
  };
}

/** S3 takes failures only, Kafka topics none: they are for event source mappings. */
function isDestination(arn: string | undefined, outcome: "success" | "failure"): boolean {
  if (arn === undefined) return true;
  const kind = destinationKindOf(arn);
  if (kind === undefined || kind === "kafka-topic") return false;
  return kind !== "bucket" || outcome === "failure";
}

const notServed: Readonly<Partial<Record<DestinationKind, string>>> = {
  topic: "there are no SNS topics here",
  "event-bus": "there are no event buses here",
  bucket: "there are no S3 buckets here",
};

/** What nothing could ever be sent to is refused now, not when an event has failed. */
function requireServed({ scope }: QualifiedFunction, arn: string): void {
  const kind = destinationKindOf(arn);
  const [, , , region, account] = arn.split(":");
  const isFar = kind === "queue" && (region !== scope.region || account !== scope.account);
  const reason = isFar ? "the queue is of another account or region" : kind && notServed[kind];
  if (reason === undefined) return;
  throw new ApiError(
    "InvalidParameterValueException",
    `DestinationConfig is not supported by Hearth: ${reason}; name a function or an SQS queue of this account and region.`,
  );
}

function shown(name: "OnSuccess" | "OnFailure", arn: string | undefined): string {
  return arn === undefined ? "null" : `${name}(destination=${arn})`;
}

function requireSettings({ maximumRetryAttempts, maximumEventAgeSeconds, destinations }: EventInvokeSettings): void {
  if (maximumRetryAttempts !== undefined || maximumEventAgeSeconds !== undefined || destinations !== undefined) return;
  throw new ApiError(
    "InvalidParameterValueException",
    "You must specify at least one of error handling or destination setting.",
  );
}

function functionMissing(): ApiError {
  return new ApiError("ResourceNotFoundException", "The function doesn't exist.");
}

function configNotFound({ scope, name, qualifier }: QualifiedFunction): ApiError {
  const arn = functionArn(scope, name, qualifier);
  return new ApiError("ResourceNotFoundException", `The function ${arn} doesn't have an EventInvokeConfig`);
}
