/**
 * Addresses as plain numbers: CIDR arithmetic, which ranges sandboxes take their addresses from, and which they must
 * not reach.
 */
import { isIPv4, isIPv6 } from "node:net";

export interface Cidr {
  readonly family: 4 | 6;
  readonly address: Buffer;
  readonly prefix: number;
}

export class BadCidrError extends Error {
  constructor(text: string) {
    super(`"${text}" is no address range such as 10.0.0.0/8, 192.168.1.7 or fd00::/8`);
    this.name = "BadCidrError";
  }
}

/** An address alone is a range of one. Bits beyond the prefix are dropped. */
export function parseCidr(text: string): Cidr {
  const [host = "", prefixText, ...rest] = text.split("/");
  const family = isIPv4(host) ? 4 : isIPv6(host) && !host.includes("%") ? 6 : undefined;
  if (family === undefined || rest.length > 0) throw new BadCidrError(text);
  const bits = family === 4 ? 32 : 128;
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) throw new BadCidrError(text);
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) throw new BadCidrError(text);
  return { family, address: masked(parseAddress(host), prefix), prefix };
}

export function parseAddress(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  const lastColon = text.lastIndexOf(":");
  const embedded = text.slice(lastColon + 1);
  if (isIPv4(embedded)) {
    const tail = parseAddress(embedded);
    return parseAddress(
      `${text.slice(0, lastColon + 1)}${tail.readUInt16BE(0).toString(16)}:${tail.readUInt16BE(2).toString(16)}`,
    );
  }
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const behind = groupsOf(tail ?? "");
  const address = Buffer.alloc(16);
  for (const [index, group] of before.entries()) address.writeUInt16BE(group, index * 2);
  for (const [index, group] of behind.entries()) address.writeUInt16BE(group, 16 - 2 * (behind.length - index));
  return address;
}

function groupsOf(part: string): number[] {
  return part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
}

export function formatAddress(address: Buffer): string {
  if (address.length === 4) return address.join(".");
  return Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16)).join(":");
}

export function formatCidr(range: Cidr): string {
  return `${formatAddress(range.address)}/${range.prefix}`;
}

/** The address `offset` places into a range. */
export function addressIn(range: Cidr, offset: number): Buffer {
  const address = Buffer.from(range.address);
  const at = address.length - 4;
  address.writeUInt32BE((address.readUInt32BE(at) + offset) >>> 0, at);
  return address;
}

/** Whether two ranges share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  const prefix = Math.min(a.prefix, b.prefix);
  return masked(a.address, prefix).equals(masked(b.address, prefix));
}

/** Whether every address of `inner` is one of `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return inner.prefix >= outer.prefix && overlaps(outer, inner);
}

function masked(address: Buffer, prefix: number): Buffer {
  return Buffer.from(
    address.map((byte, index) => {
      const keep = Math.min(8, Math.max(0, prefix - index * 8));
      return byte & (0xff << (8 - keep)) & 0xff;
    }),
  );
}

/**
 * Of the shared address space (RFC 6598), which sites number neither hosts nor the internet from; /16 each, the last
 * first, since its users tend to start from the front.
 */
const ranges4: readonly Cidr[] = Array.from({ length: 64 }, (_, index) => parseCidr(`100.${127 - index}.0.0/16`));

/** Unique local addresses (RFC 4193); the global id spells "heart". */
const ranges6: readonly Cidr[] = Array.from({ length: 64 }, (_, index) =>
  parseCidr(`fd68:6561:7274:${(index + 1).toString(16)}::/64`),
);

/** Sandboxes with addresses of their own in one range; both kinds of range have room for them. */
export const slotsMax = 65_000;

/** The first range that nothing on the host routes; undefined when all are taken. */
export function freeRange(family: 4 | 6, inUse: readonly Cidr[]): Cidr | undefined {
  const candidates = family === 4 ? ranges4 : ranges6;
  return candidates.find((candidate) => !inUse.some((used) => used.prefix > 0 && overlaps(candidate, used)));
}

/** What the IPv4 registry of special-purpose addresses does not list as globally reachable, and multicast. */
const special4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16", // metadata services among them
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

const special6 = [
  "::/127", // unspecified and loopback
  "::ffff:0:0/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23", // Teredo among them
  "2001:db8::/32",
  "2002::/16", // 6to4 carries IPv4 addresses of any kind
  "3fff::/20",
  "5f00::/16",
  "fc00::/7", // unique local, fd00:ec2::254 among them
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

/** An IPv4 range as a translator (RFC 6052) would show it. */
const translated = (range: Cidr): string => `64:ff9b::${formatAddress(range.address)}/${96 + range.prefix}`;

/** Ranges that sandboxes are refused, unless allowed. @see https://www.iana.org/assignments/iana-ipv4-special-registry */
export const deniedRanges: readonly Cidr[] = [
  ...special4.map(parseCidr),
  ...special6.map(parseCidr),
  ...special4.map(parseCidr).map(translated).map(parseCidr),
];
