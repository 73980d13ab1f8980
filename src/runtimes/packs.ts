/**
 * How the process of each runtime family is started inside a sandbox: mounts at Lambda's own paths, command, variables.
 * Pure: where the interpreter lies is the caller's to find.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Mount } from "../sandbox/contract.ts";
import type { RuntimePack } from "./contract.ts";

/** Code of Hearth's that runs inside sandboxes. */
const runtimesDirectory = fileURLToPath(new URL("../../runtimes", import.meta.url));

const languageDirectory = "/var/lang";
/** Where every family's bootstrap is mounted; `/var/runtime` itself is made of mounts. */
const bootstrapDirectory = "/var/runtime/hearth";

const searchPaths = {
  PATH: "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
  LD_LIBRARY_PATH: "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
} as const;

/** Read by the dynamic linker, the C library or the shell before an interpreter runs. */
const processVariables = [
  "LD_LIBRARY_PATH",
  "LD_PRELOAD",
  "LD_AUDIT",
  "LD_BIND_NOW",
  "LD_DEBUG",
  "GLIBC_TUNABLES",
  "MALLOC_ARENA_MAX",
  "MALLOC_TRIM_THRESHOLD_",
  "MALLOC_MMAP_THRESHOLD_",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "OPENSSL_CONF",
  "AWS_LAMBDA_EXEC_WRAPPER",
] as const;

const nodeVariables = [
  ...processVariables,
  "NODE_OPTIONS",
  "NODE_PATH",
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
  "NODE_USE_ENV_PROXY",
  "NODE_ICU_DATA",
  "NODE_DEBUG",
  "NODE_DEBUG_NATIVE",
  "NODE_NO_WARNINGS",
  "NODE_PENDING_DEPRECATION",
  "NODE_PRESERVE_SYMLINKS",
  "NODE_PRESERVE_SYMLINKS_MAIN",
  "NODE_REDIRECT_WARNINGS",
  "NODE_COMPILE_CACHE",
  "NODE_V8_COVERAGE",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "UV_THREADPOOL_SIZE",
  "UV_USE_IO_URING",
] as const;

const pythonVariables = [
  ...processVariables,
  "PYTHONPATH",
  "PYTHONHOME",
  "PYTHONHASHSEED",
  "PYTHONOPTIMIZE",
  "PYTHONUNBUFFERED",
  "PYTHONIOENCODING",
  "PYTHONUTF8",
  "PYTHONWARNINGS",
  "PYTHONDEVMODE",
  "PYTHONMALLOC",
  "PYTHONFAULTHANDLER",
  "PYTHONTRACEMALLOC",
  "PYTHONASYNCIODEBUG",
  "PYTHONDONTWRITEBYTECODE",
  "PYTHONPYCACHEPREFIX",
  "PYTHONNOUSERSITE",
  "PYTHONUSERBASE",
  "PYTHONSAFEPATH",
  "PYTHONCOERCECLOCALE",
  "PYTHONINTMAXSTRDIGITS",
  "PYTHONNODEBUGRANGES",
  "PYTHONPROFILEIMPORTTIME",
  "PYTHONVERBOSE",
  "PYTHONDEBUG",
  "PYTHON_GIL",
  "PYTHON_JIT",
] as const;

/** Experimental features that Lambda turns off, by the first part of the identifier. */
const experimentalFlags: Readonly<Record<string, readonly string[]>> = {
  "20": ["--no-experimental-require-module"],
  "22": ["--no-experimental-require-module", "--no-experimental-detect-module"],
};

export interface Interpreter {
  readonly identifier: string;
  /** `24.20.0`, or as much of it as is known. */
  readonly version: string;
  /** Of the language, as in the identifier: `24`, `3.13`. */
  readonly languageVersion: string;
  /** Mounted at `/var/lang`; undefined for an interpreter of the host, which is in every sandbox's user space. */
  readonly directory: string | undefined;
  /** Absolute inside the sandbox. */
  readonly command: string;
}

/** Path inside the sandbox of a file of a pack. */
export function insidePath(relativePath: string): string {
  return `${languageDirectory}/${relativePath}`;
}

export function nodePack(interpreter: Interpreter): RuntimePack {
  const { identifier, version, languageVersion } = interpreter;
  return {
    identifier,
    family: "nodejs",
    version,
    mounts: [...mountsOf(interpreter, "nodejs"), ...sdkMounts()],
    argv: ["/bin/sh", `${bootstrapDirectory}/start`, "{heapMiB}", ...(experimentalFlags[languageVersion] ?? [])],
    environment: {
      ...searchPaths,
      NODE_PATH: `/opt/nodejs/node${languageVersion}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`,
    },
    poolable: true,
    startOnlyVariables: nodeVariables,
  };
}

export function pythonPack(interpreter: Interpreter): RuntimePack {
  return {
    identifier: interpreter.identifier,
    family: "python",
    version: interpreter.version,
    mounts: mountsOf(interpreter, "python"),
    argv: ["/bin/sh", `${bootstrapDirectory}/start`, interpreter.command],
    environment: { ...searchPaths, PYTHONPATH: "/var/runtime" },
    poolable: true,
    startOnlyVariables: pythonVariables,
  };
}

export function providedPack(identifier: string): RuntimePack {
  return {
    identifier,
    family: "provided",
    version: "",
    mounts: [{ source: `${runtimesDirectory}/provided`, target: bootstrapDirectory }],
    argv: ["/bin/sh", `${bootstrapDirectory}/start`],
    environment: {
      PATH: "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
      LD_LIBRARY_PATH: "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    },
    poolable: false,
    startOnlyVariables: [],
  };
}

function mountsOf(interpreter: Interpreter, family: "nodejs" | "python"): Mount[] {
  const bootstrap = { source: `${runtimesDirectory}/${family}/bootstrap`, target: bootstrapDirectory };
  return interpreter.directory === undefined
    ? [bootstrap]
    : [{ source: interpreter.directory, target: languageDirectory }, bootstrap];
}

/**
 * The AWS SDK, twice: `require` finds it through NODE_PATH, as on Lambda; `import` does not read NODE_PATH, but looks into
 * `/node_modules` from every directory. A mount costs a function that uses neither nothing.
 */
function sdkMounts(): Mount[] {
  const source = `${runtimesDirectory}/nodejs/sdk/node_modules`;
  // Without its installed packages the runtime still runs every function that brings its own.
  if (!existsSync(source)) return [];
  return ["/var/runtime/node_modules", "/node_modules"].map((target) => ({ source, target }));
}
