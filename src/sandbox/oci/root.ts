/**
 * What a sandbox sees of a file system: one directory for all sandboxes of a run, made once, shared read-only. It holds
 * an `/etc` of Hearth's own, empty mount points, and the names that the host's user space has (`/bin`, `/lib`, …) as
 * links or mount points. The host's `/usr` and its kin are mounted over it, `/proc`, `/dev` and `/tmp` are each
 * sandbox's own; nothing else of the host is there.
 */
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mount } from "../contract.ts";
import * as libc from "../linux/libc.ts";
import { companionsPath, initPath, sandboxUser } from "./config.ts";

/** Places that Lambda's environment has. */
const standardPoints = ["/opt", "/var/lang", "/var/rapid", "/var/runtime", "/var/task"];

const userSpaceNames = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr"];

/**
 * Programs of the host need these; each says nothing about the host but which packages it has. Files are copied,
 * directories (hundreds of links) mounted.
 */
const sharedConfiguration = [
  "alternatives",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "mime.types",
  "protocols",
  "services",
  "ssl/openssl.cnf",
];
/** Distributions keep their interpreters' configuration here, linked from /usr/lib. */
const sharedConfigurationPattern = /^(java|python3|ruby)/;

/** Where Debian, Amazon Linux and OpenSSL itself keep the certificates of authorities. */
const authorityPaths = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const companionsSource = fileURLToPath(new URL("companions.sh", import.meta.url));

const shell = "/bin/sh";
const bash = "/bin/bash";

const initSources = ["/usr/bin/tini-static", "/usr/local/bin/tini-static"];

export interface SandboxRoot {
  readonly directory: string;
  readonly deviceDirectory: string;
  /** The host's user space, to be mounted into each sandbox. */
  readonly userSpace: readonly Mount[];
  /** Makes sure that something can be mounted at `target`. Existing sandboxes see the new, empty place too. */
  ensureMountPoint(target: string, kind: "directory" | "file"): void;
}

/** Makes the root below `stateDirectory`, afresh in each run: the host's user space may have changed meanwhile. */
export function prepareRoot(stateDirectory: string): SandboxRoot {
  const directory = join(stateDirectory, "root");
  for (const former of [directory, join(stateDirectory, "dev")]) rmSync(former, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  requireTraversable(directory);
  const userSpace = [...prepareUserSpace(directory), ...prepareEtc(directory)];
  for (const point of ["proc", "dev", "tmp"]) mkdirSync(join(directory, point), { recursive: true });
  const deviceDirectory = prepareDevices(stateDirectory);
  const root = {
    directory,
    deviceDirectory,
    userSpace,
    ensureMountPoint: (target: string, kind: "directory" | "file") => ensureMountPoint(directory, target, kind),
  };
  for (const point of standardPoints) root.ensureMountPoint(point, "directory");
  return root;
}

/** An image's root: the same mount points, without following links that the image may hold. */
export function imageRoot(directory: string, deviceDirectory: string): SandboxRoot {
  requireTraversable(directory);
  const root: SandboxRoot = {
    directory,
    deviceDirectory,
    userSpace: [],
    ensureMountPoint: (target, kind) => ensureMountPoint(directory, target, kind),
  };
  for (const point of ["/proc", "/dev", "/tmp"]) root.ensureMountPoint(point, "directory");
  return root;
}

/** The runtime sets the root up as the sandbox's own user, who owns nothing of the host. */
function requireTraversable(directory: string): void {
  for (let path = directory; path !== "/"; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) {
      throw new Error(`sandboxes cannot reach ${directory}: ${path} is closed to other users (chmod o+x ${path})`);
    }
  }
}

/** Links where the host has links (`/bin` → `usr/bin`), mount points where it has directories. */
function prepareUserSpace(root: string): Mount[] {
  const mounts: Mount[] = [];
  for (const name of userSpaceNames) {
    const onHost = join("/", name);
    const inside = join(root, name);
    const entry = lstatSync(onHost, { throwIfNoEntry: false });
    if (entry === undefined) continue;
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(onHost), inside);
    else {
      mkdirSync(inside);
      mounts.push({ source: onHost, target: onHost });
    }
  }
  return [...mounts, ...prepareShell()];
}

/** `sh` is bash on Amazon Linux, and scripts written for Lambda count on it: `set -o pipefail` in a bootstrap. */
function prepareShell(): Mount[] {
  if (!existsSync(shell) || !existsSync(bash)) return [];
  const [source, target] = [realpathSync(bash), realpathSync(shell)];
  return source === target ? [] : [{ source, target }];
}

/** Returns the directories of the host's own that lie in it. */
function prepareEtc(root: string): Mount[] {
  const write = (path: string, lines: readonly string[]): void => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), lines.map((line) => `${line}\n`).join(""));
  };
  const { name, uid, gid } = sandboxUser;
  write("etc/passwd", [
    "root:x:0:0:root:/root:/sbin/nologin",
    `${name}:x:${uid}:${gid}::/home/${name}:/sbin/nologin`,
    "nobody:x:65534:65534:Nobody:/:/sbin/nologin",
  ]);
  write("etc/group", ["root:x:0:", `${name}:x:${gid}:`, "nobody:x:65534:"]);
  write("etc/hosts", [
    "127.0.0.1 localhost sandbox.localdomain sandbox.local sandbox",
    "::1 localhost ip6-localhost ip6-loopback",
  ]);
  write("etc/nsswitch.conf", [
    "passwd: files",
    "group: files",
    "hosts: files dns",
    "services: files",
    "protocols: files",
  ]);
  write("etc/resolv.conf", ["nameserver 127.0.0.1", "options timeout:2 attempts:2"]);
  write("etc/timezone", ["UTC"]);
  symlinkSync("/usr/share/zoneinfo/UTC", join(root, "etc/localtime"));
  symlinkSync("/proc/self/mounts", join(root, "etc/mtab"));
  if (existsSync("/usr/lib/os-release")) symlinkSync("../usr/lib/os-release", join(root, "etc/os-release"));

  const byPattern = readdirSync("/etc").filter((entry) => sharedConfigurationPattern.test(entry));
  const mounts: Mount[] = [];
  for (const entry of [...sharedConfiguration, ...byPattern]) {
    const path = join("/etc", entry);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) continue;
    mkdirSync(join(root, dirname(path)), { recursive: true });
    if (found.isDirectory()) {
      mkdirSync(join(root, path));
      mounts.push({ source: path, target: path });
    } else copyFileSync(path, join(root, path));
  }
  const bundle = authorityPaths.find((path) => existsSync(path));
  for (const path of bundle === undefined ? [] : authorityPaths) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(bundle ?? "", join(root, path));
  }
  return mounts;
}

/**
 * Device nodes that hold no state, the init of every sandbox (statically linked, since an image may lack a libc) and the
 * script that starts companions: in a directory of its own, so that it is mounted without `nodev`.
 */
function prepareDevices(stateDirectory: string): string {
  const directory = join(stateDirectory, "dev");
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const [name, minor] of [
    ["null", 3],
    ["zero", 5],
    ["full", 7],
    ["random", 8],
    ["urandom", 9],
  ] as const) {
    const path = join(directory, name);
    libc.makeCharacterDevice(path, 1, minor);
    chmodSync(path, 0o666);
  }
  symlinkSync("/proc/self/fd", join(directory, "fd"));
  for (const [number, name] of ["stdin", "stdout", "stderr"].entries()) {
    symlinkSync(`/proc/self/fd/${number}`, join(directory, name));
  }
  const source = initSources.find((path) => existsSync(path));
  if (source === undefined) throw new Error("tini is missing (apt-get install tini)");
  const init = join(directory, posix.basename(initPath));
  copyFileSync(source, init);
  chmodSync(init, 0o755);
  copyFileSync(companionsSource, join(directory, posix.basename(companionsPath)));
  requireUsableDevices(directory);
  return directory;
}

function requireUsableDevices(directory: string): void {
  try {
    accessSync(join(directory, posix.basename(initPath)), constants.X_OK);
    writeFileSync(join(directory, "null"), "x");
  } catch (error) {
    throw new Error(`${directory} lies on a file system mounted nodev or noexec; sandboxes need neither`, {
      cause: error,
    });
  }
}

/** Component by component: a link in the way could lead anywhere on the host. */
function ensureMountPoint(root: string, target: string, kind: "directory" | "file"): void {
  const names = target.split("/").filter(Boolean);
  let path = root;
  for (const [index, name] of names.entries()) {
    path = join(path, name);
    const isLast = index === names.length - 1;
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry === undefined && isLast && kind === "file") writeFileSync(path, "");
    else if (entry === undefined) mkdirSync(path, { mode: 0o755 });
    else if (isLast && kind === "file" ? !entry.isFile() : !entry.isDirectory()) {
      throw new Error(`cannot mount at ${target}: ${posix.join("/", ...names.slice(0, index + 1))} is no ${kind}`);
    }
  }
}
