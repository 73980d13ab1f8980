/**
 * The packet filter: one nftables table of our own for all sandboxes, told apart by the prefix of their links, so a
 * thousand sandboxes need no more rules than one and connecting one touches no rule.
 *
 * The table outlives a crash on purpose: the links it closes in may still be there.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import { formatCidr, type Cidr } from "./addresses.ts";
import { addressSet, allowListRules, type AllowListPlan } from "./allow-lists.ts";

/** Start of the name of the links of every Hearth on this host; those of one instance begin with this and its id. */
export const hearthLinkPrefix = "hth";

/** Likewise of their tables. */
export const hearthTablePrefix = "hearth_";

export interface FirewallPlan {
  readonly table: string;
  /** Start of the name of every link of this instance's sandboxes on the host. */
  readonly linkPrefix: string;
  readonly sandboxRanges: readonly Cidr[];
  readonly denied: readonly Cidr[];
  readonly allowed: readonly Cidr[];
  /** Links on which forwarding was switched on for us: they forward nothing but what a Hearth's sandboxes send and get. */
  readonly guarded: { readonly 4: readonly string[]; readonly 6: readonly string[] };
}

/** Connections that one sandbox may hold open at once: the host's table of them is shared. */
const connectionsMax = 4096;

export class EgressUnavailableError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`functions cannot be given network access on this host: ${reason}`, options);
    this.name = "EgressUnavailableError";
  }
}

function linkSet(name: string, links: readonly string[]): string {
  const list = links.length === 0 ? "" : ` elements = { ${links.map((link) => `"${link}"`).join(", ")} };`;
  return `  set ${name} { type ifname;${list} }`;
}

/** The table as nft reads it; replaces an earlier one in one transaction. */
export function ruleset(plan: FirewallPlan): string {
  const sandbox = `"${plan.linkPrefix}*"`;
  // Another Hearth's links are its own table's to judge.
  const anySandbox = `"${hearthLinkPrefix}*"`;
  const masquerade = plan.sandboxRanges.map(
    (range) => `    ${range.family === 4 ? "ip" : "ip6"} saddr ${formatCidr(range)} oifname != ${sandbox} masquerade`,
  );
  return `table inet ${plan.table}
delete table inet ${plan.table}
table inet ${plan.table} {
${addressSet("denied4", plan.denied, 4)}
${addressSet("denied6", plan.denied, 6)}
${addressSet("allowed4", plan.allowed, 4)}
${addressSet("allowed6", plan.allowed, 6)}
${linkSet("guarded4", plan.guarded[4])}
${linkSet("guarded6", plan.guarded[6])}
  map restricted_in { type devgroup : verdict; }
  map restricted_out { type devgroup : verdict; }
  set connections4 { type ipv4_addr; size 65535; flags dynamic; }
  set connections6 { type ipv6_addr; size 65535; flags dynamic; }

  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain bounded {
    fib saddr . iif oif missing drop
    ct state new add @connections4 { ip saddr ct count over ${connectionsMax} } goto refuse
    ct state new add @connections6 { ip6 saddr ct count over ${connectionsMax} } goto refuse
  }
  chain allowances {
    ip daddr @allowed4 accept
    ip6 daddr @allowed6 accept
  }
  chain input {
    type filter hook input priority filter - 5; policy accept;
    iifname ${sandbox} goto inbound
  }
  chain inbound {
    jump bounded
    meta iifgroup vmap @restricted_in
    jump allowances
    goto refuse
  }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    iifname ${sandbox} oifname ${sandbox} goto refuse
    iifname ${sandbox} jump outbound
    oifname ${sandbox} iifname != ${sandbox} ct state established,related accept
    oifname ${sandbox} iifname != ${sandbox} drop
    meta nfproto ipv4 iifname @guarded4 iifname != ${anySandbox} oifname != ${anySandbox} drop
    meta nfproto ipv6 iifname @guarded6 iifname != ${anySandbox} oifname != ${anySandbox} drop
  }
  chain outbound {
    ct state established,related accept
    jump bounded
    meta iifgroup vmap @restricted_out
    jump allowances
    ip daddr @denied4 goto refuse
    ip6 daddr @denied6 goto refuse
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${masquerade.join("\n")}
  }
}
`;
}

async function nft(
  args: readonly string[],
  input: string,
): Promise<{ status: number | null; output: string; errors: string }> {
  const child = spawn("nft", args, { stdio: ["pipe", "pipe", "pipe"] });
  const exited = once(child, "close") as Promise<[number | null]>;
  child.stdin.on("error", () => undefined); // it ended without reading; its exit says why
  child.stdin.end(input);
  const [output, errors, [status]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { status, output, errors };
}

async function runNft(
  args: readonly string[],
  input: string,
): Promise<{ status: number | null; output: string; errors: string }> {
  try {
    return await nft(args, input);
  } catch (error) {
    throw new EgressUnavailableError("the nft command is missing (apt-get install nftables)", { cause: error });
  }
}

/** Puts the table in force, all of it or nothing. */
export async function install(plan: FirewallPlan): Promise<void> {
  const { status, errors } = await runNft(["-f", "-"], ruleset(plan));
  if (status === 0) return;
  throw new EgressUnavailableError(
    `the kernel refuses the packet filter (nftables with NAT, fib and connlimit): ${errors.trim()}`,
  );
}

/** Adds a list that sandboxes can be restricted to. */
export async function installAllowList(table: string, plan: AllowListPlan): Promise<void> {
  await change(allowListRules(table, plan));
}

export async function uninstall(table: string): Promise<void> {
  await runNft(["-f", "-"], `table inet ${table}\ndelete table inet ${table}\n`);
}

/** Links that are guarded, by family. */
export interface GuardedLinks {
  readonly 4: readonly string[];
  readonly 6: readonly string[];
}

/** Links that an earlier run of ours left forwarding: its table remembers them as long as the kernel does. */
export async function guardedLinks(table: string): Promise<GuardedLinks> {
  return guardedIn((await tables()).filter(({ name }) => name === table));
}

/** Links that other Hearths on this host guard, those that crashed included. */
export async function guardedByOthers(table: string): Promise<GuardedLinks> {
  return guardedIn((await tables()).filter(({ name }) => name.startsWith(hearthTablePrefix) && name !== table));
}

interface Table {
  readonly name: string;
  /** Its sets, as nft prints them. */
  readonly sets: string;
}

async function tables(): Promise<Table[]> {
  const { status, output } = await runNft(["list", "sets", "inet"], "");
  if (status !== 0) return [];
  return output.split(/^table inet /m).map((sets) => ({ name: sets.slice(0, sets.search(/\s|$/)), sets }));
}

function guardedIn(among: readonly Table[]): GuardedLinks {
  const read = (name: string): string[] =>
    among.flatMap(({ sets }) => {
      const body = new RegExp(`\\bset ${name} \\{([^}]*)\\}`).exec(sets)?.[1] ?? "";
      return [...body.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
    });
  return { 4: read("guarded4"), 6: read("guarded6") };
}

/** Adds a link that began to forward for us. */
export async function guard(table: string, family: 4 | 6, link: string): Promise<void> {
  await change(`add element inet ${table} guarded${family} { "${link}" }\n`);
}

async function change(rules: string): Promise<void> {
  const { status, errors } = await runNft(["-f", "-"], rules);
  if (status !== 0) throw new EgressUnavailableError(`the packet filter takes no change: ${errors.trim()}`);
}
