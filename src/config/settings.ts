/**
 * Every setting of Hearth: one table of key, default, unit, range and meaning. `HEARTH_PORT` sets `port`, and so does
 * `--port`; nothing else reads the process's environment. docs/configuration.md is generated from this table.
 */
export interface Setting<T> {
  readonly default: T;
  readonly doc: string;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly string[];
}

export const settings = {
  port: { default: 4566, min: 0, max: 65_535, doc: "Port of the endpoint; 0 takes a free one." },
  host: { default: "127.0.0.1", doc: "Address of the endpoint. Beyond loopback, `accessKeys` is required." },
  dataDir: { default: "/var/lib/hearth", doc: "Directory of everything durable." },
  accessKeys: {
    default: "",
    doc: "Comma-separated `ID:SECRET` pairs. When set, every request must be signed with one of them.",
  },
  sandbox: {
    default: "crun",
    values: ["crun", "runc", "runsc"],
    doc:
      "OCI runtime that makes the sandboxes; `runc` takes longer, `runsc` is gVisor, whose start and system calls are slower and which mounts no " +
      "shared file systems.",
  },
  cpuMode: {
    default: "share",
    values: ["share", "quota"],
    doc: "`share`: CPU in proportion to memory while there is contention; `quota`: never more than that, as on Lambda.",
  },
  egress: { default: "open", values: ["open", "none"], doc: "Whether functions reach addresses beyond the host." },
  egressAllow: {
    default: "",
    doc: "Comma-separated CIDRs that functions may reach although they are private, host or metadata addresses.",
  },
  kmsKeys: {
    default: "",
    doc: "Comma-separated `ARN=FILE` pairs: the key behind a `KMSKeyArn`, which seals a function's environment variables. The file holds 32 bytes, raw, in hex or in base64. Other functions' variables are sealed with a key that Hearth makes and keeps in its data directory.",
  },
  securityGroups: {
    default: "",
    doc: "Comma-separated `ID=CIDRS` pairs: what functions in a security group of `VpcConfig` may reach, and nothing else; CIDRs are separated by spaces. IPv6 ranges hold for functions whose `Ipv6AllowedForDualStack` is true. A private, host or metadata address is opened only by a range that lies among such addresses, or by a single address: `0.0.0.0/0` is the internet.",
  },
  fileSystems: {
    default: "",
    doc: "Comma-separated `ARN=PATH` pairs: the directory behind the access point of a `FileSystemConfigs` entry, on the host (`/srv/data`) or on an NFS server (`server:/export`, mounted with the host's mount.nfs). A directory of the host must not belong to root; what functions write there belongs to its owner.",
  },
  signingProfiles: {
    default: "",
    doc: "Comma-separated `ARN=FILE` pairs: the public key (PEM) of a signing profile version, whose signatures on code are trusted. Removing the file revokes them at once.",
  },
  ignoreUnmapped: {
    default: "",
    doc: "Comma-separated members, of `KMSKeyArn`, `VpcConfig`, `FileSystemConfigs` and `SnapStart`, that functions may have without anything behind them; they are kept and shown, and have no effect.",
  },
  diskBytesPerSecond: {
    default: 0,
    min: 0,
    unit: "bytes/s",
    doc: "Cap on each sandbox's disk reads and writes; 0 is open.",
  },
  networkBytesPerSecond: {
    default: 0,
    min: 0,
    unit: "bytes/s",
    doc: "Cap on each sandbox's egress, each way; 0 is open.",
  },
  accountConcurrency: { default: 1000, min: 1, max: 100_000, doc: "Invocations of one account that may run at once." },
  requestsPerConcurrency: {
    default: 10,
    min: 0,
    max: 100_000,
    unit: "requests/s",
    doc: "Invocations a second for each unit of concurrency of an account, of a function's reserve and of what a version has provisioned; 0 is no limit.",
  },
  scalingRate: {
    default: "current",
    values: ["current", "classic"],
    doc:
      "How fast functions get new environments. `current`: each function `environmentsPerTenSeconds`; `classic`, as until 2023: all functions of an " +
      "account together 3000, 1000 or 500 by region, and 500 more a minute.",
  },
  environmentsPerTenSeconds: {
    default: 1000,
    min: 1,
    max: 100_000,
    doc: "New environments of one function in 10 seconds, where `scalingRate` is `current`.",
  },
  apiRates: {
    default: "off",
    values: ["off", "on"],
    doc: "`on`: Lambda's other operations are limited as on AWS, for each account and region: GetFunction 100 a second, GetPolicy 15, all others together 15.",
  },
  checkRoles: {
    default: "off",
    values: ["off", "on"],
    doc: "`on`: a function's role must be one that IAM has and that trusts Lambda; `off`: any name will do.",
  },
  keepAlivePolicy: {
    default: "forecast",
    values: ["forecast", "fixed", "hybrid", "greedy-dual"],
    doc:
      "How long idle environments are kept, and which are made ready before anybody asks. `forecast`: where it is likeliest to save " +
      "a cold start, with as much idle memory as `fixed` would take; `fixed`: each for `keepAliveMs`; `hybrid`: by a histogram of " +
      "idle times of up to `keepAliveMs`; `greedy-dual`: all until their memory is wanted.",
  },
  keepAliveMs: {
    default: 600_000,
    min: 0,
    unit: "ms",
    doc: "The window of `keepAlivePolicy`; 0 keeps nothing, except with `greedy-dual`.",
  },
  keepAliveFor: {
    default: "",
    doc: "Comma-separated `FUNCTION=POLICY` pairs for functions, by name or ARN, that are not kept as all others: `nightly=fixed:1h`, `reports=hybrid:4h`, `search=greedy-dual`.",
  },
  environmentLifeMsMax: {
    default: 50_400_000,
    min: 1000,
    unit: "ms",
    doc: "Age at which an environment is drained and replaced (14 h).",
  },
  memoryOvercommit: {
    default: 8,
    min: 1,
    max: 1000,
    doc: "How many times a worker's memory may be promised to environments; idle ones use a fraction of theirs.",
  },
  cpuOvercommit: {
    default: 128,
    min: 1,
    max: 1000,
    doc: "How many times a worker's CPUs may be promised; an environment is promised one for each 1769 MB, and idle ones use none.",
  },
  workerMemoryMiB: {
    default: 0,
    min: 0,
    unit: "MiB",
    doc: "Memory that environments may really use together; 0 is what the machine has. When less than a sixteenth of it is left, idle ones are ended and new ones wait.",
  },
  coreScheduling: {
    default: "on",
    values: ["on", "off"],
    doc: "`on`: where the kernel offers it, hyper-threads of one core run the same environment, or one of them nothing; `off`: functions share cores.",
  },
  poolMin: {
    default: 2,
    min: 0,
    max: 1000,
    doc: "Booted sandboxes kept ready for each runtime and memory size in use.",
  },
  poolMax: { default: 64, min: 0, max: 2000, doc: "Most booted sandboxes kept ready for one runtime and memory size." },
  logBytesMax: { default: 1_073_741_824, min: 1_048_576, unit: "bytes", doc: "Disk that all function logs may take." },
  logRetentionDays: {
    default: 30,
    min: 1,
    unit: "days",
    doc: "Age after which log events are dropped, unless a group says otherwise.",
  },
  metricsBytesMax: {
    default: 268_435_456,
    min: 1_048_576,
    unit: "bytes",
    doc: "Disk that the values of metrics may take; beyond it, and after 15 days, the oldest go.",
  },
  metricsToken: {
    default: "",
    doc: "Bearer token with which a scraper may read `/metrics`; who signs with one of `accessKeys` may read it in any case.",
  },
  logBytesPerSecond: {
    default: 4_194_304,
    min: 1024,
    unit: "bytes/s",
    doc: "Log output of one environment beyond which lines are dropped and counted.",
  },
  uidBase: {
    default: 2_000_000_000,
    min: 65_536,
    max: 4_000_000_000,
    doc: "First host uid of the ranges that sandboxes run in. Must not overlap /etc/subuid.",
  },
} as const satisfies Record<string, Setting<string | number>>;

type ValueOf<S> = S extends { readonly values: readonly (infer V)[] }
  ? V
  : S extends { readonly default: number }
    ? number
    : string;

/** Every setting with its value, frozen. */
export type Config = { readonly [K in keyof typeof settings]: ValueOf<(typeof settings)[K]> };
