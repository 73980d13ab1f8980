/**
 * Links, addresses and routes through rtnetlink: what a sandbox's connection is made of, and what the host has.
 * @see rtnetlink(7), include/uapi/linux/if_link.h
 */
import { closeSync, openSync } from "node:fs";

import { isErrorCode } from "../../core/error-code.ts";
import { formatCidr, type Cidr } from "./addresses.ts";
import { attribute, attribute32, attributesOf, flags, nested, type NetlinkSocket } from "./netlink.ts";

const type = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
} as const;

const familyOf = { 4: 2, 6: 10 } as const; // AF_INET, AF_INET6
const interfaceUp = 1; // IFF_UP

export interface LinkEnd {
  readonly name: string;
  readonly mac: Uint8Array;
}

function linkMessage(index = 0, isUp = false): Buffer {
  const message = Buffer.alloc(16); // struct ifinfomsg
  message.writeInt32LE(index, 4);
  if (isUp) {
    message.writeUInt32LE(interfaceUp, 8);
    message.writeUInt32LE(interfaceUp, 12);
  }
  return message;
}

function endAttributes(end: LinkEnd, mtu: number, group: number): Buffer[] {
  return [
    attribute(3, end.name), // IFLA_IFNAME
    attribute(1, end.mac), // IFLA_ADDRESS
    attribute32(4, mtu), // IFLA_MTU
    attribute32(31, 1), // IFLA_NUM_TX_QUEUES: one for each CPU otherwise
    attribute32(32, 1), // IFLA_NUM_RX_QUEUES
    attribute32(27, group), // IFLA_GROUP
  ];
}

/** A pair of virtual Ethernet ends, both still down: one here, the other in the network namespace of process `pid`. */
export function addVethPair(
  netlink: NetlinkSocket,
  here: LinkEnd,
  there: LinkEnd,
  pid: number,
  { mtu, group }: { readonly mtu: number; readonly group: number },
): void {
  const namespace = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    const peer = [linkMessage(), ...endAttributes(there, mtu, 0), attribute32(28, namespace)]; // IFLA_NET_NS_FD
    const linkInfo = nested(18, attribute(1, "veth"), nested(2, nested(1, ...peer))); // VETH_INFO_PEER
    const body = [linkMessage(), ...endAttributes(here, mtu, group), linkInfo];
    netlink.request(`make link ${here.name}`, type.newLink, flags.create | flags.excl, ...body);
  } finally {
    closeSync(namespace);
  }
}

/** An end comes up only once the other exists. */
export function bringUp(netlink: NetlinkSocket, linkIndex: number): void {
  netlink.request(`bring up link ${linkIndex}`, type.newLink, 0, linkMessage(linkIndex, true));
}

/** Moves a link into a group, by which the packet filter knows it. */
export function setGroup(netlink: NetlinkSocket, linkIndex: number, group: number): void {
  netlink.request(`group link ${linkIndex}`, type.newLink, 0, linkMessage(linkIndex), attribute32(27, group));
}

/** Waits for every packet under way: tens of milliseconds. No matter when the link is gone already. */
export function deleteLink(netlink: NetlinkSocket, name: string): void {
  ignoring(["ENODEV"], () =>
    netlink.request(`delete link ${name}`, type.deleteLink, 0, linkMessage(), attribute(3, name)),
  );
}

/** Deletes every link of a group in about the time that one takes. */
export function deleteLinks(netlink: NetlinkSocket, group: number): void {
  ignoring(["ENODEV"], () =>
    netlink.request(`delete links ${group}`, type.deleteLink, 0, linkMessage(), attribute32(27, group)),
  );
}

function ignoring(codes: readonly string[], task: () => void): void {
  try {
    task();
  } catch (error) {
    if (!isErrorCode(error, ...codes)) throw error;
  }
}

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
}

function parseLink(answer: Buffer): Link {
  const attributes = attributesOf(answer.subarray(16));
  const name = attributes.get(3)?.toString("latin1").replace(/\0$/, "") ?? "";
  return { index: answer.readInt32LE(4), name, mtu: attributes.get(4)?.readUInt32LE() ?? 0 };
}

export function linkByName(netlink: NetlinkSocket, name: string): Link {
  const [answer] = netlink.query(`find link ${name}`, type.getLink, 0, linkMessage(), attribute(3, name));
  if (answer === undefined) throw new Error(`no answer about link ${name}`);
  return parseLink(answer);
}

export function linkByIndex(netlink: NetlinkSocket, index: number): Link {
  const [answer] = netlink.query(`find link ${index}`, type.getLink, 0, linkMessage(index));
  if (answer === undefined) throw new Error(`no answer about link ${index}`);
  return parseLink(answer);
}

export function links(netlink: NetlinkSocket): Link[] {
  return netlink.query("list links", type.getLink, flags.dump, linkMessage()).map(parseLink);
}

function family(address: Uint8Array): 4 | 6 {
  return address.length === 4 ? 4 : 6;
}

/** Gives a link an address of its own, alone in its network, usable at once. */
export function addAddress(netlink: NetlinkSocket, linkIndex: number, address: Buffer): void {
  const message = Buffer.alloc(8); // struct ifaddrmsg
  message[0] = familyOf[family(address)];
  message[1] = address.length * 8;
  message.writeUInt32LE(linkIndex, 4);
  const noDuplicateDetection = 2; // IFA_F_NODAD
  const attributes = [attribute(2, address), attribute(1, address), attribute32(8, noDuplicateDetection)];
  netlink.request("add address", type.newAddress, flags.create | flags.excl, message, ...attributes);
}

/** A route to `destination` (everything, when undefined) through a link, by way of `gateway` if given. */
export function addRoute(
  netlink: NetlinkSocket,
  linkIndex: number,
  route: { readonly family: 4 | 6; readonly destination?: Buffer; readonly gateway?: Buffer },
): void {
  const message = Buffer.alloc(12); // struct rtmsg
  message[0] = familyOf[route.family];
  message[1] = (route.destination?.length ?? 0) * 8;
  message[4] = 254; // RT_TABLE_MAIN
  message[5] = 4; // RTPROT_STATIC
  message[6] = route.gateway === undefined && route.family === 4 ? 253 : 0; // RT_SCOPE_LINK
  message[7] = 1; // RTN_UNICAST
  if (route.gateway !== undefined) message.writeUInt32LE(4, 8); // RTNH_F_ONLINK
  const attributes = [attribute32(4, linkIndex)]; // RTA_OIF
  if (route.destination !== undefined) attributes.push(attribute(1, route.destination)); // RTA_DST
  if (route.gateway !== undefined) attributes.push(attribute(5, route.gateway)); // RTA_GATEWAY
  netlink.request("add route", type.newRoute, flags.create | flags.replace, message, ...attributes);
}

/** Removes the host's route to one address; no matter when it is gone already. */
export function deleteRoute(netlink: NetlinkSocket, destination: Buffer): void {
  const message = Buffer.alloc(12);
  message[0] = familyOf[family(destination)];
  message[1] = destination.length * 8;
  message[4] = 254; // RT_TABLE_MAIN
  message[6] = 255; // RT_SCOPE_NOWHERE: any
  ignoring(["ESRCH"], () => netlink.request("delete route", type.deleteRoute, 0, message, attribute(1, destination)));
}

/** Says for good which hardware address an address has, so that nobody needs to ask. */
export function addNeighbour(netlink: NetlinkSocket, linkIndex: number, address: Buffer, mac: Uint8Array): void {
  const message = Buffer.alloc(12); // struct ndmsg
  message[0] = familyOf[family(address)];
  message.writeInt32LE(linkIndex, 4);
  message.writeUInt16LE(0x80, 8); // NUD_PERMANENT
  const attributes = [attribute(1, address), attribute(2, mac)];
  netlink.request("add neighbour", type.newNeighbour, flags.create | flags.replace, message, ...attributes);
}

const unreachable = 7; // RTN_UNREACHABLE

function unreachableMessage(range: Cidr): Buffer {
  const message = Buffer.alloc(12);
  message[0] = familyOf[range.family];
  message[1] = range.prefix;
  message[4] = 254; // RT_TABLE_MAIN
  message[5] = 4; // RTPROT_STATIC
  message[7] = unreachable;
  return message;
}

/**
 * Claims a range: what no longer route covers is unreachable, and others see that the range is taken. `owner` is the
 * route's metric, by which its claims are found again.
 */
export function claimRange(netlink: NetlinkSocket, range: Cidr, owner: number): void {
  const attributes = [attribute(1, range.address), attribute32(6, owner)]; // RTA_DST, RTA_PRIORITY
  const requestFlags = flags.create | flags.replace;
  netlink.request(`claim ${formatCidr(range)}`, type.newRoute, requestFlags, unreachableMessage(range), ...attributes);
}

/** Gives up every range that `owner` claimed, in this run or an earlier one. */
export function releaseRanges(netlink: NetlinkSocket, owner: number): void {
  for (const route of netlink.query("list routes", type.getRoute, flags.dump, Buffer.alloc(12))) {
    const attributes = attributesOf(route.subarray(12));
    const address = attributes.get(1);
    if (route[7] !== unreachable || address === undefined || attributes.get(6)?.readUInt32LE() !== owner) continue;
    const message = unreachableMessage({ family: family(address), address, prefix: route[1] ?? 0 });
    const key = [attribute(1, address), attribute32(6, owner)];
    ignoring(["ESRCH"], () => netlink.request("release range", type.deleteRoute, 0, message, ...key));
  }
}

/** Everything the host has routes to, in any table, or addresses in. */
export function rangesInUse(netlink: NetlinkSocket): Cidr[] {
  const ranges: Cidr[] = [];
  const take = (address: Buffer | undefined, prefix: number): void => {
    if (address === undefined) return;
    ranges.push({ family: family(address), address: Buffer.from(address), prefix });
  };
  for (const route of netlink.query("list routes", type.getRoute, flags.dump, Buffer.alloc(12))) {
    take(attributesOf(route.subarray(12)).get(1), route[1] ?? 0);
  }
  for (const address of netlink.query("list addresses", type.getAddress, flags.dump, Buffer.alloc(8))) {
    take(attributesOf(address.subarray(8)).get(1), address[1] ?? 0);
  }
  return ranges;
}

/** The link by which the host reaches `address`; undefined when it does not. */
export function linkTowards(netlink: NetlinkSocket, address: Buffer): number | undefined {
  const message = Buffer.alloc(12);
  message[0] = familyOf[family(address)];
  message[1] = address.length * 8;
  try {
    const [answer] = netlink.query("find route", type.getRoute, 0, message, attribute(1, address));
    const isUnicast = answer?.[7] === 1;
    return isUnicast ? attributesOf(answer.subarray(12)).get(4)?.readUInt32LE() : undefined;
  } catch (error) {
    if (isErrorCode(error, "ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL", "EAFNOSUPPORT")) return undefined;
    throw error;
  }
}
