/**
 * When a version of a function takes a new runtime version.
 *
 * Of a runtime, one version is installed here: `hearth runtimes add` replaces the one before. Differs from AWS, which
 * keeps old ones: with FunctionUpdate a function takes the new version at once, as with Auto; with Manual it is not
 * started with any other version than the one it names (`data-plane/assignment/runtime-pins.ts`).
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html
 */
import { ApiError } from "../../core/errors.ts";
import { functionArn, type RuntimeManagementRecord } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import { invariant } from "../../core/invariant.ts";
import type { Records } from "../../engine/contract.ts";
import { runtimeVersionArn } from "../../runtimes/runtime-version.ts";
import { FunctionParts } from "../functions/function-parts.ts";
import type { Functions } from "../functions/functions.ts";

const byDefault: RuntimeManagementRecord = { updateRuntimeOn: "Auto" };

/** A version of a function. */
interface VersionOfFunction {
  readonly scope: Scope;
  readonly name: string;
  /** `$LATEST` or a version number; an alias is refused. */
  readonly qualifier: string;
}

export class RuntimeManagement {
  readonly #configs: FunctionParts<RuntimeManagementRecord>;
  readonly #functions: Pick<Functions, "resolve">;
  readonly #installed: (identifier: string) => { readonly version: string } | undefined;

  constructor(options: {
    readonly records: Records;
    readonly functions: Pick<Functions, "resolve">;
    /** The version of a runtime that this host has. */
    readonly installed: (identifier: string) => { readonly version: string } | undefined;
  }) {
    this.#configs = new FunctionParts(options.records, "runtime-management");
    this.#functions = options.functions;
    this.#installed = options.installed;
  }

  /** Throws InvalidParameterValueException for an alias, and for a runtime version that is not installed here. */
  async put(target: VersionOfFunction, config: RuntimeManagementRecord): Promise<RuntimeManagementRecord> {
    const { scope, name, qualifier } = target;
    const runtime = await this.#runtimeOf(target);
    if (config.updateRuntimeOn === "Manual") this.#requireInstalled(scope, runtime, config.runtimeVersionArn);
    const written = await this.#configs.modify(scope, name, qualifier, () => config);
    invariant(written !== undefined, "a written configuration is there");
    return written;
  }

  async get(target: VersionOfFunction): Promise<RuntimeManagementRecord> {
    await this.#runtimeOf(target);
    return (await this.#configs.find(target.scope, target.name, target.qualifier)) ?? byDefault;
  }

  async #runtimeOf({ scope, name, qualifier }: VersionOfFunction): Promise<string> {
    const { alias, configuration } = await this.#functions.resolve(scope, name, qualifier);
    if (alias === undefined) return configuration.runtime;
    throw new ApiError(
      "InvalidParameterValueException",
      `The provided function name ${functionArn(scope, name, qualifier)} is invalid. Aliases are not allowed.`,
    );
  }

  #requireInstalled(scope: Scope, identifier: string, asked: string): void {
    const installed = this.#installed(identifier);
    const arn = installed && runtimeVersionArn(scope.region, { identifier, version: installed.version });
    if (arn === asked) return;
    const here = arn === undefined ? `${identifier} is not installed here` : `the installed ${identifier} is ${arn}`;
    throw new ApiError("InvalidParameterValueException", `The runtime version ${asked} is not available: ${here}.`);
  }
}
