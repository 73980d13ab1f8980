/**
 * Versions of functions that may run with one version of their runtime only, by their runtime management (Manual). Kept
 * in memory by a watch on the records. Another version that was installed in its place does not start them.
 */
import { ApiError, UnavailableError } from "../../core/errors.ts";
import {
  functionArn,
  versionSegment,
  type FunctionConfiguration,
  type FunctionPartKind,
  type RuntimeManagementRecord,
} from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { RecordChange, Records, Watch } from "../../engine/contract.ts";
import { runtimeVersionArn } from "../../runtimes/runtime-version.ts";

const kind: FunctionPartKind = "runtime-management";

export class RuntimePins {
  /** The ARN of the runtime version, by function ARN and segment of the version. */
  readonly #pins = new Map<string, string>();
  #watch: Watch | undefined;

  /** Resolves when every pin that exists is known. */
  async follow(records: Pick<Records, "watch">): Promise<void> {
    this.#watch = await records.watch<RuntimeManagementRecord>([kind], (change) => this.#onChange(change));
  }

  close(): void {
    this.#watch?.stop();
  }

  /** Throws an `UnavailableError` whose cause is the `ApiError` that the caller shall see. */
  require(
    scope: Scope,
    { functionArn: arn, version }: FunctionConfiguration,
    runtime: { readonly identifier: string; readonly version: string },
  ): void {
    const pinned = this.#pins.get(`${arn}:${versionSegment(version)}`);
    const installed = runtimeVersionArn(scope.region, runtime);
    if (pinned === undefined || pinned === installed) return;
    const message =
      `The runtime version ${pinned}, which the function's runtime management names, is not installed here: ` +
      `the installed ${runtime.identifier} is ${installed}.`;
    throw new UnavailableError("no-capacity", message, { cause: new ApiError("InvalidRuntimeException", message) });
  }

  #onChange(change: RecordChange<RuntimeManagementRecord>): void {
    const [, account = "", region = "", name = "", version = ""] =
      change.kind === "put" ? change.entry.key : change.key;
    const key = `${functionArn({ account, region }, name)}:${version}`;
    if (change.kind === "put" && change.entry.value.updateRuntimeOn === "Manual") {
      this.#pins.set(key, change.entry.value.runtimeVersionArn);
    } else this.#pins.delete(key);
  }
}
