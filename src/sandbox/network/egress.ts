/**
 * Network access for sandboxes: a routed pair of virtual links each (no bridge, which would end at 1023 ports), an
 * address of its own, masqueraded behind the host's. From inside, the host itself, other sandboxes, metadata services
 * and every address that is not publicly reachable are refused, unless `allow` lists them.
 *
 * Connecting takes a handful of netlink requests and starts no process; rules do not grow with sandboxes.
 */
import { randomInt } from "node:crypto";

import { invariant } from "../../core/invariant.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { SandboxId } from "../contract.ts";
import { addressIn, deniedRanges, freeRange, parseAddress, parseCidr, slotsMax, type Cidr } from "./addresses.ts";
import { AllowLists, listsMax, type AllowList } from "./allow-lists.ts";
import { BandwidthUnavailableError, limitSending } from "./bandwidth.ts";
import {
  EgressUnavailableError,
  guardedLinks,
  installAllowList,
  hearthLinkPrefix,
  hearthTablePrefix,
  install,
  uninstall,
} from "./firewall.ts";
import { canForward6, Forwarding } from "./forwarding.ts";
import { NetlinkSocket } from "./netlink.ts";
import {
  addAddress,
  addNeighbour,
  addRoute,
  addVethPair,
  bringUp,
  claimRange,
  deleteLink,
  deleteLinks,
  deleteRoute,
  linkByIndex,
  linkByName,
  links,
  linkTowards,
  rangesInUse,
  releaseRanges,
  setGroup,
} from "./routes.ts";

export { EgressUnavailableError } from "./firewall.ts";

export interface Connection {
  /** Addresses of the sandbox, for whoever looks at the host's connections. */
  readonly addresses: readonly Buffer[];
  /** Bytes per second each way; undefined opens it. The sandbox must still live. */
  setBandwidth(bytesPerSecond: number | undefined): void;
  /** From now on the sandbox reaches what is on the list and nothing else; connections that it has stay. */
  restrict(list: AllowList): void;
  /**
   * Cuts the sandbox off at once. Idempotent, also when the sandbox is gone. The link itself goes with the network
   * namespace: deleting it here would hold up every other connection for tens of milliseconds.
   */
  disconnect(): Promise<void>;
}

export interface Egress {
  /**
   * Gives the network namespace of process `netnsPid` a link `eth0`, up and routed. `sandboxId` names it in errors.
   * Throws `BandwidthUnavailableError` when a cap is asked for that the kernel cannot hold.
   */
  connect(sandboxId: SandboxId, netnsPid: number, bytesPerSecond?: number): Promise<Connection>;
  /** The lists that sandboxes can be restricted to. */
  readonly allowLists: AllowLists;
  /** Removes links that this object did not make: those of a crashed run. Returns how many. */
  recover(): Promise<number>;
  /** Disconnects everything and leaves the host's network as it was. */
  close(): Promise<void>;
}

export interface EgressOptions {
  /** Tells several Hearths on one host apart, `[a-z0-9]{1,6}`. */
  readonly instance: string;
  /** Ranges that sandboxes may reach although they are private, of the host, or metadata. */
  readonly allow: readonly string[];
  /** Where addresses begin, so that a new run does not meet the connections of the last; random unless given. */
  readonly firstSlot?: number;
}

/** Nobody has these addresses; a fixed neighbour entry says that the link's other end answers to them. */
const gateways = { 4: parseAddress("169.254.1.1"), 6: parseAddress("fe80::1") } as const;

/** Addresses that only a default route covers (documentation ranges aside): which link leads to the internet. */
const anywhere = { 4: parseAddress("1.1.1.1"), 6: parseAddress("2606:4700:4700::1111") } as const;

const mtuDefault = 1500;

/** Puts the packet filter in force. Throws `EgressUnavailableError` when the host lacks what that takes. */
export async function openEgress(options: EgressOptions): Promise<Egress> {
  invariant(/^[a-z0-9]{1,6}$/.test(options.instance), `"${options.instance}" is an instance ([a-z0-9]{1,6})`);
  const netlink = new NetlinkSocket();
  try {
    const table = hearthTablePrefix + options.instance;
    const linkPrefix = `${hearthLinkPrefix}${options.instance}-`;
    const group = groupOf(options.instance);
    const leftOver = links(netlink).filter(({ name }) => name.startsWith(linkPrefix)).length;
    for (const each of groupsFrom(group)) deleteLinks(netlink, each); // their routes would stand in the way
    releaseRanges(netlink, group);
    const inUse = rangesInUse(netlink);
    const range4 = freeRange(4, inUse);
    if (range4 === undefined) throw new EgressUnavailableError("every /16 of 100.64.0.0/10 is routed already");
    const range6 = canForward6() ? freeRange(6, inUse) : undefined;
    const guarded = await guardedLinks(table);
    const sandboxRanges = range6 === undefined ? [range4] : [range4, range6];
    const allowed = options.allow.map(parseCidr);
    await install({ table, linkPrefix, sandboxRanges, denied: deniedRanges, allowed, guarded });
    for (const range of sandboxRanges) claimRange(netlink, range, group);
    const forwarding = new Forwarding(table, guarded);
    const firstSlot = options.firstSlot ?? randomInt(slotsMax);
    return new RoutedEgress({
      netlink,
      table,
      linkPrefix,
      group,
      range4,
      range6,
      allowed,
      forwarding,
      leftOver,
      firstSlot,
    });
  } catch (error) {
    netlink[Symbol.dispose]();
    throw error;
  }
}

interface Parts {
  readonly netlink: NetlinkSocket;
  readonly table: string;
  readonly linkPrefix: string;
  /** The kernel's number for our links that no list restricts, and the metric of our claims. */
  readonly group: number;
  readonly range4: Cidr;
  readonly range6: Cidr | undefined;
  readonly allowed: readonly Cidr[];
  readonly forwarding: Forwarding;
  readonly leftOver: number;
  readonly firstSlot: number;
}

/** What a sandbox gets of one address family. */
interface FamilyPlan {
  readonly family: 4 | 6;
  readonly address: Buffer;
  readonly gateway: Buffer;
}

class RoutedEgress implements Egress {
  readonly #parts: Parts;
  readonly #live = new Map<number, Connection>();
  readonly allowLists: AllowLists;
  #nextSlot: number;
  #leftOver: number;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#nextSlot = parts.firstSlot;
    this.#leftOver = parts.leftOver;
    this.allowLists = new AllowLists(parts.group + 1, async (plan) => {
      await installAllowList(parts.table, plan);
      await this.#enableUplinks(plan.listed.map(({ address }) => address));
    });
  }

  async connect(sandboxId: SandboxId, netnsPid: number, bytesPerSecond?: number): Promise<Connection> {
    invariant(!this.#isClosed, "egress is open");
    const slot = this.#takeSlot();
    const name = this.#parts.linkPrefix + slot.toString(36);
    const plans = this.#plansOf(slot);
    const addresses = plans.map(({ address }) => address);
    const connection: Connection = {
      addresses,
      setBandwidth: (rate) => this.#setBandwidth(name, netnsPid, rate),
      restrict: ({ group }) => setGroup(this.#parts.netlink, linkByName(this.#parts.netlink, name).index, group),
      disconnect: async () => this.#disconnect(slot, addresses),
    };
    this.#live.set(slot, connection);
    try {
      const allowed = this.#parts.allowed.map(({ address }) => address);
      const mtu = await this.#enableUplinks([anywhere[4], anywhere[6], ...allowed]);
      this.#link(name, slot, netnsPid, mtu, plans);
      if (bytesPerSecond !== undefined) connection.setBandwidth(bytesPerSecond);
      return connection;
    } catch (error) {
      await connection.disconnect();
      throw error instanceof BandwidthUnavailableError
        ? error
        : new Error(`sandbox ${sandboxId} got no network`, { cause: error });
    }
  }

  async recover(): Promise<number> {
    const { netlink, linkPrefix } = this.#parts;
    const live = new Set([...this.#live.keys()].map((slot) => linkPrefix + slot.toString(36)));
    const unknown = links(netlink).filter(({ name }) => name.startsWith(linkPrefix) && !live.has(name));
    for (const { name } of unknown) deleteLink(netlink, name);
    const total = this.#leftOver + unknown.length;
    this.#leftOver = 0;
    return total;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#live.clear();
    for (const group of groupsFrom(this.#parts.group)) deleteLinks(this.#parts.netlink, group);
    releaseRanges(this.#parts.netlink, this.#parts.group);
    await this.#parts.forwarding.restore();
    this.#parts.netlink[Symbol.dispose]();
    await uninstall(this.#parts.table);
  }

  /** Round and round, so that an address rests before its next sandbox takes it. */
  #takeSlot(): number {
    for (let tried = 0; tried < slotsMax; tried++) {
      const slot = this.#nextSlot;
      this.#nextSlot = (slot + 1) % slotsMax;
      if (!this.#live.has(slot)) return slot;
    }
    throw new UnavailableError("no-capacity", `${slotsMax} sandboxes have a network`);
  }

  #plansOf(slot: number): FamilyPlan[] {
    const { netlink, range4, range6 } = this.#parts;
    const plans: FamilyPlan[] = [{ family: 4, address: addressOf(range4, slot), gateway: gateways[4] }];
    // Without a way out over IPv6, an address would make programs try it and wait.
    if (range6 !== undefined && linkTowards(netlink, anywhere[6]) !== undefined) {
      plans.push({ family: 6, address: addressOf(range6, slot), gateway: gateways[6] });
    }
    return plans;
  }

  /** Lets the links towards the targets forward for us; the least MTU among them. */
  async #enableUplinks(targets: readonly Buffer[]): Promise<number> {
    const { netlink, forwarding, range6, linkPrefix } = this.#parts;
    let mtu = mtuDefault;
    for (const target of targets) {
      const family = target.length === 4 ? 4 : 6;
      const index = family === 6 && range6 === undefined ? undefined : linkTowards(netlink, target);
      if (index === undefined) continue;
      const link = linkByIndex(netlink, index);
      if (link.name.startsWith(linkPrefix)) continue;
      mtu = Math.min(mtu, link.mtu);
      await forwarding.enableUplink(family, link.name);
    }
    return mtu;
  }

  #link(name: string, slot: number, netnsPid: number, mtu: number, plans: readonly FamilyPlan[]): void {
    const { netlink, forwarding, group } = this.#parts;
    using inside = NetlinkSocket.within(netnsPid);
    const here = { name, mac: macOf("host", slot) };
    const there = { name: "eth0", mac: macOf("sandbox", slot) };
    addVethPair(netlink, here, there, netnsPid, { mtu, group });
    const hereIndex = linkByName(netlink, name).index;
    const thereIndex = linkByName(inside, there.name).index;
    bringUp(inside, thereIndex);
    bringUp(netlink, hereIndex);
    for (const { family, address, gateway } of plans) {
      forwarding.enableSandboxLink(family, name);
      addNeighbour(netlink, hereIndex, address, there.mac);
      addRoute(netlink, hereIndex, { family, destination: address });
      addAddress(inside, thereIndex, address);
      addNeighbour(inside, thereIndex, gateway, here.mac);
      addRoute(inside, thereIndex, { family, gateway });
    }
  }

  #setBandwidth(name: string, netnsPid: number, bytesPerSecond: number | undefined): void {
    using inside = NetlinkSocket.within(netnsPid);
    limitSending(this.#parts.netlink, linkByName(this.#parts.netlink, name).index, bytesPerSecond);
    limitSending(inside, linkByName(inside, "eth0").index, bytesPerSecond);
  }

  /** Without its route nothing comes back, and what it sends is taken for forged. */
  #disconnect(slot: number, addresses: readonly Buffer[]): void {
    if (!this.#live.delete(slot) || this.#isClosed) return;
    for (const address of addresses) deleteRoute(this.#parts.netlink, address);
  }
}

/** The first addresses of a range are left out: some programs take them for the network's own. */
function addressOf(range: Cidr, slot: number): Buffer {
  return addressIn(range, slot + 16);
}

/** Locally administered, one for each end. */
function macOf(end: "host" | "sandbox", slot: number): Buffer {
  const mac = Buffer.from([end === "host" ? 0x02 : 0x06, 0x68, 0, 0, 0, 0]);
  mac.writeUInt32BE(slot, 2);
  return mac;
}

/** Each instance's own, far from the small numbers that people use; those of its allow lists follow. */
function groupOf(instance: string): number {
  return 0x4000_0000 + (Number.parseInt(instance, 36) % 0x100_0000) * (listsMax + 1);
}

function groupsFrom(group: number): number[] {
  return Array.from({ length: listsMax + 1 }, (_, index) => group + index);
}
