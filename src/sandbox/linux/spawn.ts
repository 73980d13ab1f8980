/**
 * Starts a process without copying the worker's page tables. Node forks, which stops everything that the worker serves
 * for 5 to 15 ms in a process of a few hundred MB; `posix_spawn` borrows the address space instead and returns when the
 * program is loaded (under a millisecond).
 *
 * The child is unknown to Node: whoever starts it must collect it (`waitForExit` of `libc.ts`).
 */
import koffi from "koffi";
import { SystemCallError } from "./libc.ts";

export interface SpawnOrder {
  /** Absolute path; also the first argument. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Becomes the child's descriptor 0, which reads nothing without it. */
  readonly input?: number | undefined;
  /** Become the child's descriptors 1, 2, 3, …; it inherits no others. */
  readonly outputs: readonly number[];
}

/** Larger than glibc's types (80 and 336 bytes), which are opaque. */
const fileActionsBytes = 256;
const attributesBytes = 1024;
const signalSetBytes = 128;

const POSIX_SPAWN_SETPGROUP = 0x02;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;

const library = koffi.load("libc.so.6");

/** These return the error number instead of setting errno. */
function checked<Arguments extends readonly unknown[]>(
  name: string,
  call: (...values: Arguments) => number,
): (...values: Arguments) => void {
  return (...values) => {
    const errno = call(...values);
    if (errno !== 0) throw new SystemCallError(name, errno);
  };
}

const actionsInit = checked<[Uint8Array]>(
  "posix_spawn_file_actions_init",
  library.func("int posix_spawn_file_actions_init(_Inout_ void *actions)"),
);
const actionsDestroy = checked<[Uint8Array]>(
  "posix_spawn_file_actions_destroy",
  library.func("int posix_spawn_file_actions_destroy(_Inout_ void *actions)"),
);
const actionsAddOpen = checked<[Uint8Array, number, string, number, number]>(
  "posix_spawn_file_actions_addopen",
  library.func(
    "int posix_spawn_file_actions_addopen(_Inout_ void *actions, int fd, const char *path, int flags, uint mode)",
  ),
);
const actionsAddDup2 = checked<[Uint8Array, number, number]>(
  "posix_spawn_file_actions_adddup2",
  library.func("int posix_spawn_file_actions_adddup2(_Inout_ void *actions, int fd, int newFd)"),
);
const attributesInit = checked<[Uint8Array]>(
  "posix_spawnattr_init",
  library.func("int posix_spawnattr_init(_Inout_ void *attributes)"),
);
const attributesSetFlags = checked<[Uint8Array, number]>(
  "posix_spawnattr_setflags",
  library.func("int posix_spawnattr_setflags(_Inout_ void *attributes, short flags)"),
);
const attributesSetDefaultSignals = checked<[Uint8Array, Uint8Array]>(
  "posix_spawnattr_setsigdefault",
  library.func("int posix_spawnattr_setsigdefault(_Inout_ void *attributes, const void *signals)"),
);
const posixSpawn = checked<
  [Int32Array, string, Uint8Array, Uint8Array, readonly (string | null)[], readonly (string | null)[]]
>(
  "posix_spawn",
  library.func(
    "int posix_spawn(_Out_ int *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)",
  ),
);

/** Returns the child's pid. It leads a process group of its own: what a terminal sends the worker does not reach it. */
export function spawnProcess({ program, args, environment, input, outputs }: SpawnOrder): number {
  const actions = new Uint8Array(fileActionsBytes);
  actionsInit(actions);
  try {
    if (input === undefined) actionsAddOpen(actions, 0, "/dev/null", 0, 0);
    else actionsAddDup2(actions, input, 0);
    for (const [index, fd] of outputs.entries()) actionsAddDup2(actions, fd, index + 1);
    const attributes = new Uint8Array(attributesBytes);
    attributesInit(attributes);
    attributesSetFlags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    // Node ignores SIGPIPE, and ignoring is inherited. The mask stays empty.
    attributesSetDefaultSignals(attributes, new Uint8Array(signalSetBytes).fill(0xff));
    const pid = new Int32Array(1);
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    posixSpawn(pid, program, actions, attributes, [program, ...args, null], [...variables, null]);
    return pid[0] ?? -1;
  } finally {
    actionsDestroy(actions);
  }
}
