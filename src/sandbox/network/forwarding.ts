/**
 * Packet forwarding, switched on link by link: for the sandboxes' own links and for those by which the host reaches
 * the internet. A link that did not forward before is guarded first (it forwards nothing but sandboxes' traffic) and is
 * switched off again at the end, by the last Hearth on the host that guards it.
 *
 * IPv4 has a switch for each link; IPv6 has had one (`force_forwarding`) since Linux 6.17. Before, it forwards all or
 * nothing, and switching that on changes how the host takes router advertisements: then sandboxes have IPv6 only where
 * the host forwards already.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { isErrorCode } from "../../core/error-code.ts";
import { guard, guardedByOthers, type GuardedLinks } from "./firewall.ts";

export interface KernelSwitches {
  exists(path: string): boolean;
  read(path: string): string;
  write(path: string, value: string): void;
}

export const procSys: KernelSwitches = {
  exists: existsSync,
  read: (path) => readFileSync(path, "utf8").trim(),
  write: (path, value) => writeFileSync(path, value),
};

/** How links are guarded, and which ones other Hearths guard. */
export interface Guards {
  readonly add: (table: string, family: 4 | 6, link: string) => Promise<void>;
  readonly ofOthers: (table: string) => Promise<GuardedLinks>;
}

const nftGuards: Guards = { add: guard, ofOthers: guardedByOthers };

function switchOf(family: 4 | 6, link: string): string {
  return `/proc/sys/net/ipv${family}/conf/${link}/${family === 4 ? "forwarding" : "force_forwarding"}`;
}

/** Whether IPv6 can be forwarded for sandboxes without changing what the host does otherwise. */
export function canForward6(switches: KernelSwitches = procSys): boolean {
  return switches.exists(switchOf(6, "all")) || forwardsAll6(switches);
}

function forwardsAll6(switches: KernelSwitches): boolean {
  const path = "/proc/sys/net/ipv6/conf/all/forwarding";
  return switches.exists(path) && switches.read(path) === "1";
}

export class Forwarding {
  readonly #table: string;
  readonly #switches: KernelSwitches;
  readonly #guards: Guards;
  /** Links that forward, by family; those that we switched on are in `#ours`. */
  readonly #forwarding = { 4: new Map<string, Promise<void>>(), 6: new Map<string, Promise<void>>() };
  readonly #ours: { 4: Set<string>; 6: Set<string> };

  constructor(table: string, leftOn: GuardedLinks, switches: KernelSwitches = procSys, guards: Guards = nftGuards) {
    this.#table = table;
    this.#switches = switches;
    this.#guards = guards;
    this.#ours = { 4: new Set(leftOn[4]), 6: new Set(leftOn[6]) };
  }

  /** For a link of the host's own: guards it before it begins to forward. */
  async enableUplink(family: 4 | 6, link: string): Promise<void> {
    const known = this.#forwarding[family].get(link);
    if (known !== undefined) return known;
    const enabling = this.#enable(family, link);
    this.#forwarding[family].set(link, enabling);
    enabling.catch(() => this.#forwarding[family].delete(link)); // the next connection tries again
    return enabling;
  }

  /** For a sandbox's link, which the packet filter bounds by its name. */
  enableSandboxLink(family: 4 | 6, link: string): void {
    if (family === 6 && forwardsAll6(this.#switches)) return;
    this.#switches.write(switchOf(family, link), "1");
  }

  /** Switches off what was switched on here, but for what another Hearth still needs. */
  async restore(): Promise<void> {
    if (this.#ours[4].size + this.#ours[6].size === 0) return;
    const others = await this.#guards.ofOthers(this.#table);
    for (const family of [4, 6] as const) {
      for (const link of this.#ours[family]) if (!others[family].includes(link)) this.#switchOff(family, link);
      this.#ours[family].clear();
    }
  }

  async #enable(family: 4 | 6, link: string): Promise<void> {
    if (family === 6 && forwardsAll6(this.#switches)) return;
    const path = switchOf(family, link);
    // What another Hearth switched on is guarded here too, so that it outlasts that one; the host's own choice stays.
    const isOn = this.#switches.read(path) === "1";
    if (isOn && !(await this.#guards.ofOthers(this.#table))[family].includes(link)) return;
    await this.#guards.add(this.#table, family, link);
    this.#ours[family].add(link);
    this.#switches.write(path, "1");
  }

  #switchOff(family: 4 | 6, link: string): void {
    try {
      this.#switches.write(switchOf(family, link), "0");
    } catch (error) {
      if (!isErrorCode(error, "ENOENT")) throw error; // the link is gone
    }
  }
}
