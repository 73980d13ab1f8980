/**
 * The OCI configuration of a sandbox, written out in full: nothing is left to a runtime's defaults.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 */
import type { Mount, SandboxSpec } from "../contract.ts";
import { gvisorSeccompProfile, seccompProfile } from "./seccomp.ts";

/** The user that Lambda runs functions as. */
export const sandboxUser = { name: "sbx_user1051", uid: 993, gid: 990 } as const;

/** Ids of one sandbox: all of a 16-bit space, so that no image's owner falls outside. */
export const idsPerSandbox = 65_536;

/** Descriptors of one process, as on Lambda: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const openFilesMax = 1024;

/** The host prefers a function over anything of its own when it runs out of memory. */
const oomScoreAdj = 500;

/** Where `init` lies inside; see `root.ts`. */
export const initPath = "/dev/init";

/** Where the script lies inside that starts companions; see `companions.sh`. */
export const companionsPath = "/dev/companions";

/** Pages of /proc that tell of the host, or act on it. */
const maskedPaths = [
  "acpi",
  "asound",
  "interrupts",
  "kallsyms",
  "kcore",
  "keys",
  "latency_stats",
  "kpagecgroup",
  "kpagecount",
  "kpageflags",
  "sched_debug",
  "scsi",
  "timer_list",
  "timer_stats",
].map((name) => `/proc/${name}`);
const readonlyPaths = ["bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`);

export interface ConfigParts {
  readonly spec: SandboxSpec;
  readonly rootDirectory: string;
  /** Holds the device nodes and `init`. */
  readonly deviceDirectory: string;
  readonly uidBase: number;
  readonly cgroupsPath: string;
  /** What must be mounted before the runtime enters the working directory; the rest is moved in afterwards. */
  readonly mounts: readonly (Mount & { readonly isWritable: boolean })[];
  readonly hasCgroupNamespaces: boolean;
  readonly gvisor?: {
    /** The network namespace to be joined, as a path; other runtimes make one. */
    readonly networkNamespace: string;
  };
  readonly architecture: "x64" | "arm64";
}

export function ociConfig(parts: ConfigParts): object {
  const { spec, uidBase } = parts;
  const ids = [{ containerID: 0, hostID: uidBase, size: idsPerSandbox }];
  const noCapabilities = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  const namespaces = [
    "user",
    "pid",
    "mount",
    "network",
    "ipc",
    "uts",
    ...(parts.hasCgroupNamespaces ? ["cgroup"] : []),
  ];
  return {
    ociVersion: "1.0.2",
    hostname: spec.id,
    root: { path: parts.rootDirectory, readonly: true },
    process: {
      terminal: false,
      user: { uid: sandboxUser.uid, gid: sandboxUser.gid },
      args: [initPath, "--", ...argumentsOf(spec)],
      env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
      cwd: spec.workingDirectory,
      capabilities: noCapabilities,
      noNewPrivileges: true,
      oomScoreAdj,
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: openFilesMax, hard: openFilesMax },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ],
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      // A bind over /dev keeps runtimes from filling it themselves.
      {
        destination: "/dev",
        type: "bind",
        source: parts.deviceDirectory,
        // gVisor opens no device for writing in what it takes for read-only; the mount that it gets is, by itself.
        options: ["bind", parts.gvisor === undefined ? "ro" : "rw", "nosuid"],
      },
      ...parts.mounts.map(({ source, target, isWritable }) => ({
        destination: target,
        type: "bind",
        source,
        options: ["rbind", isWritable ? "rw" : "ro", "nosuid", "nodev"],
      })),
    ],
    linux: {
      namespaces: namespaces.map((type) =>
        type === "network" && parts.gvisor !== undefined ? { type, path: parts.gvisor.networkNamespace } : { type },
      ),
      uidMappings: ids,
      gidMappings: ids,
      cgroupsPath: parts.cgroupsPath,
      // Limits are the driver's own business; the runtime only closes the devices.
      resources: { devices: [{ allow: false, access: "rwm" }] },
      rootfsPropagation: "private",
      maskedPaths,
      readonlyPaths,
      seccomp: (parts.gvisor === undefined ? seccompProfile : gvisorSeccompProfile)(parts.architecture),
    },
  };
}

function argumentsOf({ argv, companions }: SandboxSpec): readonly string[] {
  if (companions === undefined) return argv;
  const { programs, hiddenVariables } = companions;
  return ["/bin/sh", companionsPath, hiddenVariables.join(" "), String(programs.length), ...programs, ...argv];
}
