/**
 * Allow lists: a sandbox that is restricted to one reaches its ranges and nothing else, as a function does behind the
 * outbound rules of its security groups. A list is a group of links: each has two chains in the packet filter, and
 * restricting a sandbox is one netlink request that moves its link into the group.
 *
 * A range opens private, host and metadata addresses only if it lies among them itself, or is a single address:
 * `0.0.0.0/0` means the internet.
 */
import { UnavailableError } from "../../core/errors.ts";
import { contains, deniedRanges, formatCidr, parseCidr, type Cidr } from "./addresses.ts";

/** Lists of one instance: the bits that are left of a link group's number. */
export const listsMax = 63;

declare const allowListBrand: unique symbol;
/** A list that the packet filter knows. */
export type AllowList = { readonly group: number } & { readonly [allowListBrand]: true };

export interface AllowListPlan {
  readonly group: number;
  /** Reached whatever they are. */
  readonly exempt: readonly Cidr[];
  /** Reached unless they are refused to all sandboxes. */
  readonly listed: readonly Cidr[];
}

export class AllowLists {
  readonly #firstGroup: number;
  readonly #install: (plan: AllowListPlan) => Promise<void>;
  #taken = 0;
  readonly #opening = new Map<string, Promise<AllowList>>();
  readonly #open = new Map<string, AllowList>();

  /** `install` puts the list in force; groups are numbered from `firstGroup`. */
  constructor(firstGroup: number, install: (plan: AllowListPlan) => Promise<void>) {
    this.#firstGroup = firstGroup;
    this.#install = install;
  }

  /** Throws `BadCidrError`, or `UnavailableError` when there are too many different lists. */
  async open(ranges: readonly string[]): Promise<AllowList> {
    const name = nameOf(ranges);
    const known = this.#opening.get(name);
    if (known !== undefined) return known;
    const parsed = ranges.map(parseCidr);
    if (this.#taken >= listsMax) {
      throw new UnavailableError("no-capacity", `${listsMax} different egress allow lists are in use`);
    }
    const group = this.#firstGroup + this.#taken;
    // For good, also when the installation fails: the filter may hold a part of the list.
    this.#taken += 1;
    const opening = this.#install({ group, exempt: parsed.filter(isExempt), listed: parsed }).then(() => {
      const list = { group } as AllowList;
      this.#open.set(name, list);
      return list;
    });
    this.#opening.set(name, opening);
    opening.catch(() => this.#opening.delete(name));
    return opening;
  }

  has(ranges: readonly string[]): boolean {
    return this.#open.has(nameOf(ranges));
  }

  /** Throws for a list that `open` has not made known. */
  get(ranges: readonly string[]): AllowList {
    const list = this.#open.get(nameOf(ranges));
    if (list === undefined) throw new Error(`the allow list ${nameOf(ranges)} has not been prepared`);
    return list;
  }
}

function isExempt(range: Cidr): boolean {
  return range.prefix === range.address.length * 8 || deniedRanges.some((denied) => contains(denied, range));
}

function nameOf(ranges: readonly string[]): string {
  return ranges.join(" ");
}

/** As nft reads it; the maps are those of the instance's table. */
export function allowListRules(table: string, { group, exempt, listed }: AllowListPlan): string {
  const name = `list${group}`;
  return `table inet ${table} {
${addressSet(`${name}_exempt4`, exempt, 4)}
${addressSet(`${name}_exempt6`, exempt, 6)}
${addressSet(`${name}_listed4`, listed, 4)}
${addressSet(`${name}_listed6`, listed, 6)}
  chain ${name}_in {
    ip daddr @${name}_exempt4 accept
    ip6 daddr @${name}_exempt6 accept
    goto refuse
  }
  chain ${name}_out {
    ip daddr @${name}_exempt4 accept
    ip6 daddr @${name}_exempt6 accept
    ip daddr @denied4 goto refuse
    ip6 daddr @denied6 goto refuse
    ip daddr @${name}_listed4 accept
    ip6 daddr @${name}_listed6 accept
    goto refuse
  }
  map restricted_in { type devgroup : verdict; elements = { ${group} : goto ${name}_in }; }
  map restricted_out { type devgroup : verdict; elements = { ${group} : goto ${name}_out }; }
}
`;
}

/** A set of one family's ranges, which may overlap. */
export function addressSet(name: string, ranges: readonly Cidr[], family: 4 | 6): string {
  const elements = ranges.filter((range) => range.family === family).map(formatCidr);
  const list = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
  return `  set ${name} { type ${family === 4 ? "ipv4_addr" : "ipv6_addr"}; flags interval; auto-merge;${list} }`;
}
