/**
 * Finds the operation of a REST request: method, literal and label segments, static query (`?find=LayerVersion`).
 * Compiled once into a tree of segments; a request walks it without a regular expression. Where several routes fit,
 * a literal segment beats a label, a label beats a greedy label, and a route with a static query beats one without.
 * https://smithy.io/2.0/spec/http-bindings.html#http-trait
 */
export interface Route<T> {
  readonly target: T;
  /** Path labels in the order of the template, as sent: still percent-encoded. */
  readonly labels: readonly string[];
}

interface Leaf<T> {
  readonly target: T;
  /** Query parameters that must be present with exactly this value. */
  readonly staticQuery: readonly (readonly [string, string])[];
}

interface RouteNode<T> {
  readonly literals: Map<string, RouteNode<T>>;
  label: RouteNode<T> | undefined;
  /** Segments that follow a greedy label, last one first, with the leaf behind them. */
  readonly greedy: { readonly suffix: readonly string[]; readonly leaves: Map<string, Leaf<T>[]> }[];
  readonly leaves: Map<string, Leaf<T>[]>;
}

function newNode<T>(): RouteNode<T> {
  return { literals: new Map(), label: undefined, greedy: [], leaves: new Map() };
}

/** Segments of a path; a slash at its end makes none, since old clients send `/2015-03-31/functions/`. */
function segmentsOf(path: string): string[] {
  const segments = path.split("/");
  segments.shift();
  if (segments.at(-1) === "") segments.pop();
  return segments;
}

/** More segments than any template has; a greedy label takes whole keys, which are bounded by the header limit. */
const segmentsMax = 256;

export class UriRoutes<T> {
  readonly #root: RouteNode<T> = newNode();

  add(method: string, template: string, target: T): void {
    const [path = "", query = ""] = template.split("?");
    const leaf = { target, staticQuery: [...new URLSearchParams(query)] };
    let node = this.#root;
    const segments = segmentsOf(path);
    for (const [index, segment] of segments.entries()) {
      if (segment.endsWith("+}")) {
        const leaves = new Map([[method, [leaf]]]);
        node.greedy.push({ suffix: segments.slice(index + 1), leaves });
        return;
      }
      if (segment.startsWith("{")) node = node.label ??= newNode();
      else {
        const next = node.literals.get(segment) ?? newNode<T>();
        node.literals.set(segment, next);
        node = next;
      }
    }
    const leaves = node.leaves.get(method) ?? [];
    leaves.push(leaf);
    leaves.sort((a, b) => b.staticQuery.length - a.staticQuery.length);
    node.leaves.set(method, leaves);
  }

  match(method: string, path: string, query: string): Route<T> | undefined {
    const segments = segmentsOf(path);
    if (segments.length > segmentsMax) return undefined;
    const labels: string[] = [];
    const target = walk(this.#root, { method, query, segments, labels }, 0);
    return target === undefined ? undefined : { target: target.target, labels };
  }
}

interface Search {
  readonly method: string;
  readonly query: string;
  readonly segments: readonly string[];
  readonly labels: string[];
}

function walk<T>(node: RouteNode<T>, search: Search, index: number): Leaf<T> | undefined {
  const segment = search.segments[index];
  if (segment === undefined) return leafFor(node.leaves, search);
  const literal = node.literals.get(segment);
  const found = literal === undefined ? undefined : walk(literal, search, index + 1);
  if (found !== undefined) return found;
  if (node.label !== undefined && segment !== "") {
    search.labels.push(segment);
    const labelled = walk(node.label, search, index + 1);
    if (labelled !== undefined) return labelled;
    search.labels.pop();
  }
  for (const { suffix, leaves } of node.greedy) {
    const end = search.segments.length - suffix.length;
    if (end <= index || !suffix.every((literalSegment, at) => search.segments[end + at] === literalSegment)) continue;
    const leaf = leafFor(leaves, search);
    if (leaf === undefined) continue;
    search.labels.push(search.segments.slice(index, end).join("/"));
    return leaf;
  }
  return undefined;
}

function leafFor<T>(leaves: ReadonlyMap<string, Leaf<T>[]>, search: Search): Leaf<T> | undefined {
  const candidates = leaves.get(search.method);
  if (candidates === undefined) return undefined;
  for (const leaf of candidates) {
    if (leaf.staticQuery.length === 0) return leaf;
    const query = new URLSearchParams(search.query);
    if (leaf.staticQuery.every(([name, value]) => query.get(name) === value)) return leaf;
  }
  return undefined;
}
