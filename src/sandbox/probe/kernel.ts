/** The kernel: its version, namespaces, seccomp, what it says of pressure, and what its processors share. */
import { failure, ok, warning, type Check, type ProbedHost } from "./check.ts";

/** `mount_setattr`, by which code is attached read-only, came with 5.12. */
const versionMin = [5, 12] as const;

const namespaces = ["user", "pid", "mnt", "net", "ipc", "uts"] as const;

/** Namespaces of each kind that a busy host makes: one for each sandbox. */
const namespacesWanted = 2000;

export function kernelChecks(host: ProbedHost): Check[] {
  return [
    architecture(host),
    version(host),
    ...namespaces.map((kind) => namespaceCheck(host, kind)),
    seccomp(host),
    pressure(host),
    hyperThreads(host),
    mergedPages(host),
    swap(host),
  ];
}

function architecture({ architecture: name }: ProbedHost): Check {
  return name === "x64" || name === "arm64"
    ? ok("architecture", name)
    : failure("architecture", `${name}; sandboxes run on x64 and arm64 only`);
}

function version(host: ProbedHost): Check {
  const release = host.read("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  const isEnough = major > versionMin[0] || (major === versionMin[0] && minor >= versionMin[1]);
  if (isEnough) return ok("kernel", `${release}, with the new mount API`);
  const wanted = versionMin.join(".");
  return failure("kernel", `"${release}" is older than ${wanted}: code cannot be attached to running sandboxes`);
}

function namespaceCheck(host: ProbedHost, kind: (typeof namespaces)[number]): Check {
  const name = `${kind} namespaces`;
  if (!host.list("/proc/self/ns").includes(kind)) return failure(name, "the kernel has none");
  const limit = `user.max_${kind}_namespaces`;
  const most = Number(host.read(`/proc/sys/user/max_${kind}_namespaces`)?.trim());
  if (Number.isNaN(most)) return ok(name, "without a limit");
  const fix = `sysctl -w ${limit}=100000`;
  if (most === 0) return failure(name, `forbidden by ${limit}`, fix);
  return most < namespacesWanted
    ? warning(name, `at most ${most}, and so many sandboxes`, fix)
    : ok(name, `up to ${most}`);
}

function seccomp(host: ProbedHost): Check {
  const actions = host.read("/proc/sys/kernel/seccomp/actions_avail")?.trim().split(" ") ?? [];
  return actions.includes("errno")
    ? ok("seccomp", "filters are available")
    : failure("seccomp", "the kernel has no filters (CONFIG_SECCOMP_FILTER), so sandboxes could make any system call");
}

function pressure(host: ProbedHost): Check {
  return host.read("/proc/pressure/memory") === undefined
    ? warning("pressure", "the kernel does not measure memory pressure; add psi=1 to its command line")
    : ok("pressure", "the kernel measures it (PSI)");
}

function hyperThreads(host: ProbedHost): Check {
  const name = "hyper-threads";
  if (host.read("/sys/devices/system/cpu/smt/active")?.trim() !== "1") return ok(name, "none are shared");
  if (host.offersCoreScheduling()) return ok(name, "those of one core run one environment at a time (core scheduling)");
  const control = "/sys/devices/system/cpu/smt/control";
  const detail =
    "functions may share a core, which can leak through its caches: the kernel offers no core scheduling (CONFIG_SCHED_CORE)";
  return warning(name, detail, `echo off > ${control}`);
}

/** Whether a page was merged shows in the time that writing to it takes. */
function mergedPages(host: ProbedHost): Check {
  const name = "merged pages";
  return host.read("/sys/kernel/mm/ksm/run")?.trim() === "1"
    ? warning(
        name,
        "the kernel merges equal pages (KSM): functions can find out what others hold",
        "echo 2 > /sys/kernel/mm/ksm/run",
      )
    : ok(name, "none (KSM is off)");
}

function swap(host: ProbedHost): Check {
  const areas = (host.read("/proc/swaps") ?? "").trim().split("\n").slice(1);
  return areas.length === 0
    ? ok("swap", "off")
    : warning("swap", "on: idle environments may be swapped out, which makes their next invocation slow", "swapoff -a");
}
