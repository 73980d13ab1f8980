/** The network: the packet filter that egress stands on, forwarding, IPv6, other filters in the way, and our port. */
import { createServer } from "node:net";

import { deniedRanges, parseCidr } from "../network/addresses.ts";
import { ruleset } from "../network/firewall.ts";
import { failure, ok, warning, type Check, type ProbedHost } from "./check.ts";

export interface NetworkOptions {
  readonly egress: "open" | "none";
  readonly host: string;
  readonly port: number;
  /** Resolves with an error's code, or undefined when the port can be had. */
  readonly tryPort?: (host: string, port: number) => Promise<string | undefined>;
  /** Whether a Hearth answers there. */
  readonly isHearth?: (host: string, port: number) => Promise<boolean>;
}

export async function networkChecks(host: ProbedHost, options: NetworkOptions): Promise<Check[]> {
  const egress = options.egress === "open" ? egressChecks(host) : [ok("egress", "switched off by the configuration")];
  return [...(await egress), await endpoint(options)];
}

async function egressChecks(host: ProbedHost): Promise<Check[]> {
  return [await packetFilter(host), await otherFilters(host), ipv6(host), await bandwidth(host)];
}

/** The very rules of egress, checked by the kernel and then dropped. */
async function packetFilter(host: ProbedHost): Promise<Check> {
  const name = "nftables";
  const nft = host.which("nft");
  if (nft === undefined) {
    return failure(name, "the nft command is missing, so functions get no network", "apt-get install nftables");
  }
  if (host.uid !== 0)
    return warning(
      name,
      `${nft}; whether the kernel takes our rules can be tried by root only`,
      "sudo ./hearth doctor",
    );
  const rules = ruleset({
    table: "hearth_doctor",
    linkPrefix: "hthdoctor-",
    sandboxRanges: [parseCidr("100.127.0.0/16"), parseCidr("fd68:6561:7274:1::/64")],
    denied: deniedRanges,
    allowed: [],
    guarded: { 4: [], 6: [] },
  });
  const { code, output } = await host.run(nft, ["--check", "--file", "-"], rules);
  if (code === 0) return ok(name, "the kernel takes our rules (NAT, fib, connection limits)");
  const reason = output.split("\n").find((line) => line.includes("Error")) ?? output.trim();
  return failure(
    name,
    `the kernel refuses our rules, so functions get no network: ${reason}`,
    "modprobe -a nf_tables nft_masq nft_fib_inet nft_connlimit",
  );
}

/** Another filter that drops what is forwarded drops the sandboxes' packets too. */
async function otherFilters(host: ProbedHost): Promise<Check> {
  const name = "other packet filters";
  const nft = host.which("nft");
  if (nft === undefined || host.uid !== 0) return ok(name, "not examined");
  const { output } = await host.run(nft, ["list", "chains"]);
  const dropping = [...output.matchAll(/table (\S+ \S+) \{([\s\S]*?)\n\}/g)]
    .filter(([, , chains]) => /hook forward [^\n]*policy drop/.test(chains ?? ""))
    .map(([, table]) => table);
  if (dropping.length === 0) return ok(name, "none drops what is forwarded");
  const fix =
    "nft insert rule ip filter FORWARD iifname 'hth*' accept; nft insert rule ip filter FORWARD oifname 'hth*' ct state established,related accept";
  return warning(name, `${dropping.join(", ")} drops what is forwarded, functions' packets among it`, fix);
}

function ipv6(host: ProbedHost): Check {
  const all = "/proc/sys/net/ipv6/conf/all/forwarding";
  if (host.read(all) === undefined) return ok("IPv6", "the host has none; functions use IPv4");
  const canForward =
    host.read(all)?.trim() === "1" || host.read("/proc/sys/net/ipv6/conf/all/force_forwarding") !== undefined;
  if (canForward) return ok("IPv6", "offered to functions where the host has a route");
  const fix = "sysctl -w net.ipv6.conf.all.accept_ra=2 net.ipv6.conf.all.forwarding=1";
  return warning("IPv6", "functions use IPv4 only: before Linux 6.17 the host must forward IPv6 as a whole", fix);
}

/** Tried on the loopback link of a network that lives only for the trial. */
async function bandwidth(host: ProbedHost): Promise<Check> {
  const name = "network bandwidth";
  const [unshare, tc] = [host.which("unshare"), host.which("tc")];
  if (unshare === undefined || tc === undefined || host.uid !== 0) return ok(name, "not examined");
  const queue = ["qdisc", "add", "dev", "lo", "root", "tbf", "rate", "1mbit", "burst", "64kb", "limit", "128kb"];
  const { code } = await host.run(unshare, ["--net", tc, ...queue]);
  if (code === 0) return ok(name, "can be capped for each sandbox");
  return warning(
    name,
    "cannot be capped: the kernel has no token bucket; settings that cap it are refused",
    "modprobe sch_tbf",
  );
}

async function endpoint(options: NetworkOptions): Promise<Check> {
  const name = `port ${options.port}`;
  const code = await (options.tryPort ?? tryPort)(options.host, options.port);
  if (code === undefined) return ok(name, `free at ${options.host}`);
  if (code === "EADDRINUSE" && (await (options.isHearth ?? isHearth)(options.host, options.port))) {
    return ok(name, "Hearth listens there");
  }
  const reason = code === "EADDRINUSE" ? "another program listens there" : code;
  return failure(name, `cannot be had at ${options.host}: ${reason}`, `./hearth up --port ${options.port + 1}`);
}

function tryPort(host: string, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  return promise;
}

const answerMsMax = 500;

async function isHearth(host: string, port: number): Promise<boolean> {
  try {
    const authority = host.includes(":") ? `[${host}]` : host;
    const response = await fetch(`http://${authority}:${port}/_health`, { signal: AbortSignal.timeout(answerMsMax) });
    return response.ok;
  } catch {
    return false;
  }
}
