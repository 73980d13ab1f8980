/**
 * System calls that Node does not offer, through glibc. Synchronous and thin: every function either does what its name
 * says or throws a `SystemCallError` with the kernel's error code. Sequences that must be undone live in the modules
 * that use them.
 *
 * Numbers above 423 are the same on x86_64 and aarch64; the older ones go through glibc's own wrappers.
 */
import { constants } from "node:os";
import koffi from "koffi";

export class SystemCallError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = codeOf.get(errno) ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.name = "SystemCallError";
    this.code = code;
  }
}

/** Where two names share a number (EAGAIN, EWOULDBLOCK), the first counts. */
const codeOf = new Map<number, string>(
  Object.entries(constants.errno)
    .toReversed()
    .map(([code, number]) => [number, code]),
);

const library = koffi.load("libc.so.6");

type Call<Arguments extends readonly unknown[]> = (...values: Arguments) => number;

/** A C function whose result is -1 on failure. */
function checked<Arguments extends readonly unknown[]>(name: string, call: Call<Arguments>): Call<Arguments> {
  return (...values) => {
    const result = call(...values);
    if (result === -1) throw new SystemCallError(name, koffi.errno());
    return result;
  };
}

/** A call that older glibc has no wrapper for; its first argument is the number. */
function bare(...types: readonly string[]): (...values: unknown[]) => number {
  return library.func("syscall", "long", ["long", ...types]);
}

export const O_CLOEXEC = 0o2000000;
export const AT_FDCWD = -100;

export const close = checked<[fd: number]>("close", library.func("int close(int fd)"));

const pipe2 = checked<[Int32Array, number]>("pipe2", library.func("int pipe2(_Out_ int *fds, int flags)"));

/** A real pipe, both ends closed on exec. */
export function pipe(): { readonly read: number; readonly write: number } {
  const ends = new Int32Array(2);
  pipe2(ends, O_CLOEXEC);
  const [read = -1, write = -1] = ends;
  return { read, write };
}

export const CLONE_NEWNS = 0x0002_0000;
export const CLONE_NEWNET = 0x4000_0000;
const CLONE_FS = 0x0000_0200;

/** Moves the calling thread into the namespace that `fd` stands for. */
export const setns = checked<[fd: number, type: number]>("setns", library.func("int setns(int fd, int type)"));
const unshare = checked<[number]>("unshare", library.func("int unshare(int flags)"));

/** Gives the calling thread a root and working directory of its own: the condition for entering a mount namespace. */
export function unshareFileSystemAttributes(): void {
  unshare(CLONE_FS);
}

/** Gives the calling thread a network namespace of its own, with a loopback device that is down. */
export function unshareNetwork(): void {
  unshare(CLONE_NEWNET);
}

/** Gives the calling thread a mount namespace of its own, a copy of the current one. */
export function unshareMounts(): void {
  unshare(CLONE_NEWNS);
}

const prctl = checked<[number, number, number, number, number]>(
  "prctl",
  library.func("int prctl(int option, ulong a, ulong b, ulong c, ulong d)"),
);

/** Orphaned descendants become children of this process, so that `waitForExit` can ask for their exit codes. */
export function becomeSubreaper(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

const PR_SCHED_CORE = 62;
const schedCore = checked<[typeof PR_SCHED_CORE, number, number, number, BigUint64Array | null]>(
  "prctl(PR_SCHED_CORE)",
  library.func("int prctl(int option, ulong command, ulong pid, ulong scope, _Inout_ uint64_t *cookie)"),
);

/** The core-scheduling cookie of a thread, as a number that tells cookies apart; 0 is none. */
export function coreCookieOf(pid: number): bigint {
  const PR_SCHED_CORE_GET = 0;
  const cookie = new BigUint64Array(1);
  schedCore(PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, 0, cookie);
  return cookie[0] ?? 0n;
}

/** Gives all threads of a process a new core-scheduling cookie; what they start from now on has it too. */
export function createCoreCookie(pid: number): void {
  const PR_SCHED_CORE_CREATE = 1;
  const PR_SCHED_CORE_SCOPE_THREAD_GROUP = 1;
  schedCore(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, pid, PR_SCHED_CORE_SCOPE_THREAD_GROUP, null);
}

const waitpid = checked<[number, Int32Array, number]>(
  "waitpid",
  library.func("int waitpid(int pid, _Out_ int *status, int options)"),
);

export type WaitStatus = { readonly code: number } | { readonly signal: number };

/**
 * How the child `pid` ended, or some child in the process group `-pid`; undefined while it runs. Throws ECHILD when it is
 * no child, or was asked for before.
 */
export function waitForExit(pid: number): WaitStatus | undefined {
  const WNOHANG = 1;
  const status = new Int32Array(1);
  if (waitpid(pid, status, WNOHANG) === 0) return undefined;
  const [word = 0] = status;
  const signal = word & 0x7f;
  return signal === 0 ? { code: (word >> 8) & 0xff } : { signal };
}

/** Whether any child is in the process group of `leader`, running or ended. */
export function hasChildIn(leader: number): boolean {
  const P_PGID = 2;
  return peek(P_PGID, leader) !== "none";
}

const waitid = checked<[number, number, Uint8Array, number]>(
  "waitid",
  library.func("int waitid(int type, uint id, _Inout_ void *information, int options)"),
);

/** The pid of some child that has ended and that nobody has asked for yet; undefined when there is none. */
export function peekExited(): number | undefined {
  const P_ALL = 0;
  const pid = peek(P_ALL, 0);
  return pid === "none" || pid === 0 ? undefined : pid;
}

/** The pid of a child that has ended, 0 when all are running, `none` when there are no children. */
function peek(type: number, id: number): number | "none" {
  const WNOHANG = 1;
  const WEXITED = 4;
  const WNOWAIT = 0x0100_0000;
  // siginfo_t is 128 bytes; the pid comes after four ints.
  const information = new Uint8Array(128);
  try {
    waitid(type, id, information, WNOHANG | WEXITED | WNOWAIT);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === "ECHILD") return "none";
    throw error;
  }
  return new DataView(information.buffer).getInt32(16, true);
}

export const fchdir = checked<[fd: number]>("fchdir", library.func("int fchdir(int fd)"));

const flock = checked<[number, number]>("flock", library.func("int flock(int fd, int operation)"));

/** Takes the advisory lock of an open file for as long as the file is open; false when another process has it. */
export function tryLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  try {
    flock(fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.code === "EAGAIN") return false;
    throw error;
  }
}

const AF_INET = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;

const socketCall = checked<[number, number, number]>(
  "socket",
  library.func("int socket(int domain, int type, int protocol)"),
);
const bindCall = checked<[number, Uint8Array, number]>(
  "bind",
  library.func("int bind(int fd, const void *address, uint length)"),
);
const getsockname = checked<[number, Uint8Array, Uint32Array]>(
  "getsockname",
  library.func("int getsockname(int fd, _Out_ void *address, _Inout_ uint *length)"),
);
const setsockopt = checked<[number, number, number, Int32Array, number]>(
  "setsockopt",
  library.func("int setsockopt(int fd, int level, int name, const int *value, uint length)"),
);
export const listen = checked<[fd: number, backlog: number]>("listen", library.func("int listen(int fd, int backlog)"));

/** An IPv4 socket in the network namespace that the calling thread is in. */
export function socket(type: typeof SOCK_STREAM | typeof SOCK_DGRAM): number {
  return socketCall(AF_INET, type | SOCK_CLOEXEC, 0);
}

/** Binds to 127.0.0.1; port 0 takes a free one. Returns the port. */
export function bindLoopback(fd: number, port: number): number {
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, new Int32Array([1]), 4);
  const address = loopbackAddress(port);
  bindCall(fd, address, address.byteLength);
  getsockname(fd, address, new Uint32Array([address.byteLength]));
  return new DataView(address.buffer).getUint16(2);
}

/** struct sockaddr_in: the family in the machine's order (both architectures are little-endian), the rest as on the wire. */
function loopbackAddress(port: number): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  view.setUint32(4, 0x7f00_0001);
  return address;
}

const connectCall = checked<[number, Uint8Array, number]>(
  "connect",
  library.func("int connect(int fd, const void *address, uint length)"),
);

const getpeername = checked<[number, Uint8Array, Uint32Array]>(
  "getpeername",
  library.func("int getpeername(int fd, _Out_ void *address, _Inout_ uint *length)"),
);

/**
 * A socket that is connected to a port of 127.0.0.1. Over the loopback device the kernel shakes hands while the call lasts,
 * without the listener's doing; where nobody listens, or the listener's queue is full, it throws at once.
 */
export function connectToLoopback(port: number): number {
  const fd = socketCall(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  try {
    const address = loopbackAddress(port);
    connectWithoutWaiting(fd, address);
    getpeername(fd, address, new Uint32Array([address.byteLength]));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function connectWithoutWaiting(fd: number, address: Uint8Array): void {
  try {
    connectCall(fd, address, address.byteLength);
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== "EINPROGRESS") throw error;
  }
}

const ioctl = checked<[number, number, Uint8Array]>(
  "ioctl",
  library.func("int ioctl(int fd, ulong request, _Inout_ void *argument)"),
);

/** Brings up `lo` of the network namespace that the socket `fd` belongs to. */
export function bringLoopbackUp(fd: number): void {
  const SIOCSIFFLAGS = 0x8914;
  const IFF_UP = 1;
  // struct ifreq: 16 bytes of name, then the flags; the kernel reads 40 bytes.
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode("lo"));
  new DataView(request.buffer).setUint16(16, IFF_UP, true);
  ioctl(fd, SIOCSIFFLAGS, request);
}

const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

const MOUNT_ATTR_IDMAP = 0x0010_0000;
export const MOUNT_ATTR_RDONLY = 1;
export const MOUNT_ATTR_NOSUID = 2;
export const MOUNT_ATTR_NODEV = 4;

const openTree = checked<[428, number, string, number]>("open_tree", bare("int", "str", "uint"));
const moveMountCall = checked<[429, number, string, number, string, number]>(
  "move_mount",
  bare("int", "str", "int", "str", "uint"),
);
const mountSetattr = checked<[442, number, string, number, Uint8Array, number]>(
  "mount_setattr",
  bare("int", "str", "uint", "const void *", "size_t"),
);

/** A detached copy of the mount at `path` (with `recursive`, of the mounts below it too); gone when closed unused. */
export function cloneMount(path: string, recursive = false): number {
  return openTree(428, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
}

/** Adds `attributes` to a detached mount and those below it. */
export function limitDetachedMount(fd: number, attributes: number): void {
  mountSetattr(442, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, attributeRequest(attributes), attributeRequestBytes);
}

/** Shows the owners of a detached mount's files as the user namespace behind `userNamespace` maps them. */
export function mapDetachedMountOwners(fd: number, userNamespace: number): void {
  const request = new Uint8Array(new BigUint64Array([BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, BigInt(userNamespace)]).buffer);
  mountSetattr(442, fd, "", AT_EMPTY_PATH, request, attributeRequestBytes);
}

/** Adds `attributes` to the mount at `path`; with `recursive`, to those below it too. */
export function limitMount(path: string, attributes: number, recursive: boolean): void {
  const flags = recursive ? AT_RECURSIVE : 0;
  mountSetattr(442, AT_FDCWD, path, flags, attributeRequest(attributes), attributeRequestBytes);
}

/** struct mount_attr: attr_set, attr_clr, propagation, userns_fd, 64 bits each. */
const attributeRequestBytes = 32;

function attributeRequest(attributes: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(attributes), 0n, 0n, 0n]).buffer);
}

/** Mounts what `cloneMount` gave at `target`, in the mount namespace that the calling thread is in. */
export function moveMount(fd: number, target: string): void {
  moveMountCall(429, fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

const umount2 = checked<[string, number]>("umount2", library.func("int umount2(const char *target, int flags)"));

/** Takes a mount out of the tree at once; it ends when the last user is gone. */
export function unmountDetached(target: string): void {
  const MNT_DETACH = 2;
  umount2(target, MNT_DETACH);
}

const mountCall = checked<[string, string, string | null, number, string | null]>(
  "mount",
  library.func("int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)"),
);

/** Mounts and unmounts of the namespace that this one was copied from still arrive here; none goes back. */
export function makeMountsSlaves(): void {
  const MS_REC = 0x4000;
  const MS_SLAVE = 0x8_0000;
  mountCall("none", "/", null, MS_REC | MS_SLAVE, null);
}

const mknodCall = checked<[string, number, number]>(
  "mknod",
  library.func("int mknod(const char *path, uint mode, ulong device)"),
);

/** Makes a character device that everybody may read and write. */
export function makeCharacterDevice(path: string, major: number, minor: number): void {
  const S_IFCHR = 0o020000;
  mknodCall(path, S_IFCHR | 0o666, major * 256 + minor);
}
