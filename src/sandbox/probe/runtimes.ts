/** What makes sandboxes and what runs in them: OCI runtimes, the init, packs of Node, interpreters of the host. */
import { join } from "node:path";

import { cgroupView } from "./cgroups.ts";
import { failure, ok, warning, type Check, type ProbedHost } from "./check.ts";

export interface RuntimeOptions {
  /** The OCI runtime that is configured. */
  readonly ociRuntime: string;
  /** Where `node_modules` lies. */
  readonly projectDirectory: string;
}

const ociRuntimes = ["runc", "crun", "runsc"] as const;

/** Debian 12 itself has a gVisor of 2022; later releases need no backports. */
const newerRunsc = "apt-get install -t bookworm-backports runsc";

const nodeMajors = [20, 22, 24] as const;

export async function runtimeChecks(host: ProbedHost, options: RuntimeOptions): Promise<Check[]> {
  const oci = await Promise.all(ociRuntimes.map((name) => ociCheck(host, name, name === options.ociRuntime)));
  return [
    ...oci.flat(),
    init(host),
    ...nodeMajors.map((major) => nodePack(host, options, major)),
    ...interpreters(host),
  ];
}

async function ociCheck(host: ProbedHost, name: (typeof ociRuntimes)[number], isConfigured: boolean): Promise<Check[]> {
  const path = host.which(name);
  if (path === undefined) {
    if (!isConfigured) return [];
    return [failure(name, "not installed, but configured to make the sandboxes", `apt-get install ${name}`)];
  }
  const { code, output } = await host.run(path, ["--version"]);
  const version = /version\s+(\S+)/.exec(output)?.[1];
  if (code !== 0 || version === undefined) {
    const detail = `${path} does not run: ${output.trim().split("\n")[0] ?? ""}`;
    return [isConfigured ? failure(name, detail, `apt-get install --reinstall ${name}`) : warning(name, detail)];
  }
  if (name === "runsc" && !(await host.run(path, ["help", "run"])).output.includes("pass-fd")) {
    const detail = `${version} at ${path} is too old: it hands on no descriptors (--pass-fd)`;
    return [isConfigured ? failure(name, detail, newerRunsc) : warning(name, detail)];
  }
  const { mode } = cgroupView(host);
  const detail = `${version} at ${path}${isConfigured ? ", makes the sandboxes" : ""}`;
  if (name === "crun" && mode === "hybrid") {
    return [ok(name, `${detail}; takes this hybrid cgroup hierarchy only while its v2 part is hidden from it`)];
  }
  return [ok(name, detail)];
}

function init(host: ProbedHost): Check {
  const path = ["/usr/bin/tini-static", "/usr/local/bin/tini-static"].find((file) => host.isExecutable(file));
  return path === undefined
    ? failure(
        "tini",
        "tini-static is not installed: nothing would reap the processes that a function leaves",
        "apt-get install tini",
      )
    : ok("tini", path);
}

function nodePack(host: ProbedHost, { projectDirectory }: RuntimeOptions, major: number): Check {
  const pack = `node${major}-linux-${host.architecture}`;
  const isThere = host.isExecutable(join(projectDirectory, "node_modules", pack, "bin", "node"));
  return isThere
    ? ok(`nodejs${major}.x`, pack)
    : warning(
        `nodejs${major}.x`,
        `the pack ${pack} is not installed, so functions of this runtime are refused`,
        "npm ci --include=optional",
      );
}

function interpreters(host: ProbedHost): Check[] {
  const pythons = host.list("/usr/bin").filter((name) => /^python3\.\d+$/.test(name));
  if (pythons.length === 0) {
    return [
      warning(
        "python",
        "no python3.x in /usr/bin; functions in Python are refused until one is registered",
        "apt-get install python3",
      ),
    ];
  }
  return pythons.toSorted().map((name) => ok(name, `/usr/bin/${name}`));
}
