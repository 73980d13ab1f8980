/**
 * A runtime pack: what has to be mounted and started so that functions of one runtime identifier can run. Plain data:
 * the front resolves it, the worker obeys it.
 */
import type { Mount } from "../sandbox/contract.ts";

export type RuntimeFamily = "nodejs" | "python" | "provided";

export interface RuntimePack {
  /** A Lambda runtime identifier such as `nodejs24.x`. */
  readonly identifier: string;
  readonly family: RuntimeFamily;
  /** Of the interpreter, such as `24.20.0`; shown in INIT_START. Empty for `provided`. */
  readonly version: string;
  /** Interpreter and bootstrap, at Lambda's own paths (`/var/lang`, `/var/runtime`). */
  readonly mounts: readonly Mount[];
  /**
   * The command that boots the runtime. `{heapMiB}` in an argument stands for the heap that the memory class allows.
   * `provided` runs the function's own `bootstrap`, from the code or from a layer.
   */
  readonly argv: readonly [string, ...string[]];
  /** Variables that must be set when the process starts, `PATH` and `LD_LIBRARY_PATH` included. */
  readonly environment: Readonly<Record<string, string>>;
  /** True when a sandbox can stand ready before its function is known. */
  readonly poolable: boolean;
  /** Function variables that only take effect at process start; a function that sets one of them starts unpooled. */
  readonly startOnlyVariables: readonly string[];
}
