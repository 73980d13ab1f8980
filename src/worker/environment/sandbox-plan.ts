/**
 * What sandbox a runtime needs: pure translation of packs and functions into the sandbox contract.
 */
import type { RuntimePack } from "../../runtimes/contract.ts";
import type { SandboxLimits, SandboxSpec, TmpVolume } from "../../sandbox/contract.ts";
import type { EnvironmentSpec } from "../contract.ts";
import type { ExtensionFile } from "../extensions/extension-files.ts";
import { runtimeApiPort } from "../runtime-api/wire.ts";
import { endpointPort } from "./endpoint.ts";
import { functionVariables, pooledVariables, runtimeOnlyVariables, taskRoot } from "./variables.ts";

/** Where layers are. */
export const layersRoot = "/opt";
/**
 * Of what is attached later. The dynamic linker remembers for the life of a process which directories of its search path
 * were not there when it first looked: these are, and are looked into again.
 * Differs from AWS: the `/opt` of a function without layers holds an empty `lib`.
 */
const libraryDirectories = [`${taskRoot}/lib`, `${layersRoot}/lib`] as const;

/** Memory that comes with one vCPU on Lambda. */
const memoryMiBPerCpu = 1769;
/** Share of the memory that an interpreter's heap may take; the rest is for stacks, code and buffers. */
const heapShare = 0.9;
/** `/tmp` of a pooled sandbox until its function is known: Lambda's smallest and default. */
const pooledTmpMiB = 512;

/** What the owner set for all sandboxes. */
export interface SandboxPolicy {
  readonly cpuMode: "share" | "quota";
  readonly egress: "open" | "none";
  /** 0 is open. */
  readonly diskBytesPerSecond: number;
  /** 0 is open. */
  readonly networkBytesPerSecond: number;
}

/** As on Lambda, CPU is not held back while the init phase runs. */
export function limitsFor(policy: SandboxPolicy, memoryMiB: number, phase: "init" | "invoke"): SandboxLimits {
  return {
    memoryMiB,
    cpuMilli: Math.max(1, Math.round((memoryMiB * 1000) / memoryMiBPerCpu)),
    cpuMode: phase === "init" ? "unlimited" : policy.cpuMode,
    ...(policy.diskBytesPerSecond > 0 ? { diskBytesPerSecond: policy.diskBytesPerSecond } : {}),
    ...(policy.networkBytesPerSecond > 0 ? { networkBytesPerSecond: policy.networkBytesPerSecond } : {}),
  };
}

export function pooledSandbox(id: string, runtime: RuntimePack, memoryMiB: number, policy: SandboxPolicy): SandboxSpec {
  return {
    ...common(id, runtime, memoryMiB, policy),
    environment: pooledVariables(runtime),
    mounts: runtime.mounts,
    attachPoints: [taskRoot, layersRoot, ...libraryDirectories],
    tmp: { sizeMiB: pooledTmpMiB },
  };
}

export function functionSandbox(
  id: string,
  spec: EnvironmentSpec,
  given: {
    readonly policy: SandboxPolicy;
    /** The `/tmp` of the same environment's former runtime. */
    readonly volume: TmpVolume | undefined;
    readonly extensions: readonly ExtensionFile[];
  },
): SandboxSpec {
  const { policy, volume, extensions } = given;
  const programs = extensions.filter(({ launchError }) => launchError === undefined).map(({ path }) => path);
  const { codeDirectory, layersDirectory } = spec;
  const layers = layersDirectory === undefined ? [] : [{ source: layersDirectory, target: layersRoot }];
  return {
    ...common(id, spec.runtime, spec.memoryMiB, policy),
    environment: functionVariables(spec),
    ...(programs.length > 0 ? { companions: { programs, hiddenVariables: runtimeOnlyVariables } } : {}),
    mounts: [...spec.runtime.mounts, { source: codeDirectory, target: taskRoot }, ...layers],
    attachPoints: (spec.fileSystems ?? []).map(({ target }) => target),
    tmp: volume === undefined ? { sizeMiB: spec.ephemeralStorageMiB } : { volume },
  };
}

/** The poll's answer to a pooled runtime. */
export function specialisation(spec: EnvironmentSpec): Buffer {
  return Buffer.from(JSON.stringify({ handler: spec.handler, taskRoot, environment: functionVariables(spec) }));
}

export { taskRoot };

function common(
  id: string,
  runtime: RuntimePack,
  memoryMiB: number,
  policy: SandboxPolicy,
): Pick<SandboxSpec, "id" | "argv" | "workingDirectory" | "limits" | "listenPorts" | "egress"> {
  const heap = String(Math.floor(memoryMiB * heapShare));
  const [command, ...rest] = runtime.argv;
  return {
    id,
    argv: [command, ...rest.map((argument) => argument.replaceAll("{heapMiB}", heap))],
    workingDirectory: taskRoot,
    limits: limitsFor(policy, memoryMiB, "init"),
    listenPorts: [runtimeApiPort, endpointPort],
    egress: policy.egress,
  };
}
