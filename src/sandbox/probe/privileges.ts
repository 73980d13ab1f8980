/** Who runs this and what it may do: root, capabilities, descriptors, and the host uids that sandboxes take. */
import { failure, ok, warning, type Check, type ProbedHost } from "./check.ts";

interface Capability {
  readonly bit: number;
  readonly name: string;
  /** What is lost without it. */
  readonly cost: string;
  readonly isNeeded: boolean;
}

/** @see capabilities(7) */
const capabilities: readonly Capability[] = [
  { bit: 21, name: "CAP_SYS_ADMIN", cost: "no namespaces or mounts, so no sandboxes", isNeeded: true },
  { bit: 6, name: "CAP_SETGID", cost: "no uid ranges, so no sandboxes", isNeeded: true },
  { bit: 7, name: "CAP_SETUID", cost: "no uid ranges, so no sandboxes", isNeeded: true },
  { bit: 0, name: "CAP_CHOWN", cost: "no /tmp for sandboxes", isNeeded: true },
  { bit: 1, name: "CAP_DAC_OVERRIDE", cost: "files of sandboxes cannot be removed", isNeeded: true },
  { bit: 5, name: "CAP_KILL", cost: "sandboxes cannot be stopped", isNeeded: true },
  { bit: 19, name: "CAP_SYS_PTRACE", cost: "namespaces of sandboxes cannot be entered", isNeeded: true },
  { bit: 12, name: "CAP_NET_ADMIN", cost: "no network for functions", isNeeded: false },
  { bit: 27, name: "CAP_MKNOD", cost: "no device nodes such as /dev/null of a sandbox's own", isNeeded: false },
  { bit: 24, name: "CAP_SYS_RESOURCE", cost: "the limit of open files cannot be raised", isNeeded: false },
];

/** Open files of one environment: pipes, listeners, namespaces. */
const descriptorsPerEnvironment = 16;

const environmentsWanted = 1000;

/** The last uid that a range may hold; the next means "nobody in particular". */
const uidMax = 2 ** 32 - 2;

export interface PrivilegeOptions {
  readonly uidBase: number;
}

export function privilegeChecks(host: ProbedHost, options: PrivilegeOptions): Check[] {
  return [root(host), capabilityCheck(host), openFiles(host), uidRanges(host, options.uidBase)];
}

function root({ uid }: ProbedHost): Check {
  return uid === 0
    ? ok("root", "yes")
    : failure(
        "root",
        `no (uid ${uid}): sandboxes, quotas and networks need it; several checks cannot be made`,
        "sudo ./hearth up",
      );
}

function capabilityCheck(host: ProbedHost): Check {
  const name = "capabilities";
  const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(host.read("/proc/self/status") ?? "")?.[1];
  if (held === undefined) return warning(name, "/proc/self/status does not tell");
  const missing = capabilities.filter(({ bit }) => ((BigInt(`0x${held}`) >> BigInt(bit)) & 1n) === 0n);
  if (missing.length === 0) return ok(name, "all that are needed");
  const detail = missing.map((capability) => `without ${capability.name}: ${capability.cost}`).join("; ");
  return missing.some(({ isNeeded }) => isNeeded) ? failure(name, detail, "sudo ./hearth up") : warning(name, detail);
}

function openFiles(host: ProbedHost): Check {
  const name = "open files";
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(host.read("/proc/self/limits") ?? "")?.[1] ?? "unlimited";
  const most = hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
  const environments = Math.floor(most / descriptorsPerEnvironment);
  const wanted = environmentsWanted * descriptorsPerEnvironment;
  return environments < environmentsWanted
    ? warning(name, `at most ${hard}, enough for about ${environments} environments`, `ulimit -Hn ${wanted}`)
    : ok(name, `up to ${hard}`);
}

function uidRanges(host: ProbedHost, uidBase: number): Check {
  const name = "uid ranges";
  const taken = ["/etc/subuid", "/etc/subgid"].flatMap((file) =>
    (host.read(file) ?? "").split("\n").flatMap((line) => {
      const [owner = "", first = "", count = ""] = line.split(":");
      const overlaps = count !== "" && Number(first) <= uidMax && Number(first) + Number(count) > uidBase;
      return overlaps ? [`${owner} has ${first}:${count} in ${file}`] : [];
    }),
  );
  if (taken.length === 0) return ok(name, `from ${uidBase} on, which nobody else uses`);
  const detail = `sandboxes take host uids from ${uidBase} on, but ${taken.join(", ")}: those users could touch a sandbox's files`;
  return warning(name, detail, "./hearth up --uid-base <a number above those ranges>");
}
