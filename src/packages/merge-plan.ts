/**
 * Lays trees of unpacked packages one over the other: decides what each path of the result is, before anything is made.
 * What a later tree has covers what an earlier one has; only directories join. A file or a link that stands where an
 * earlier tree has a directory covers all of it, and a directory covers a file or a link: nothing is ever made through
 * a link.
 */
import { invariant } from "../core/invariant.ts";
import { requireLinksInside } from "./package-plan.ts";

/** What a tree has at a path; `source` is absolute. */
export type TreeEntry =
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly source: string }
  | { readonly kind: "link"; readonly target: string };

/** One tree by relative path, parents before their children. */
export type Tree = Iterable<readonly [path: string, entry: TreeEntry]>;

interface Node {
  entry: TreeEntry;
  readonly children: Map<string, Node>;
}

/** The merged tree, parents before their children. Throws `ApiError` when a link would lead out of it. */
export function planMerge(trees: Iterable<Tree>): Map<string, TreeEntry> {
  const root: Node = { entry: { kind: "directory" }, children: new Map() };
  for (const tree of trees) {
    for (const [path, entry] of tree) place(root, path, entry);
  }
  const planned = new Map<string, TreeEntry>();
  const links = new Map<string, string>();
  const visit = (node: Node, path: string): void => {
    for (const [name, child] of node.children) {
      const childPath = path === "" ? name : `${path}/${name}`;
      planned.set(childPath, child.entry);
      if (child.entry.kind === "link") links.set(childPath, child.entry.target);
      visit(child, childPath);
    }
  };
  visit(root, "");
  requireLinksInside(links);
  return planned;
}

function place(root: Node, path: string, entry: TreeEntry): void {
  const names = path.split("/");
  const last = names.pop() ?? "";
  let parent = root;
  for (const name of names) {
    const child = parent.children.get(name);
    invariant(child !== undefined, "a tree names parents before their children");
    parent = child;
  }
  const present = parent.children.get(last);
  if (present === undefined) {
    parent.children.set(last, { entry, children: new Map() });
    return;
  }
  if (entry.kind !== "directory") present.children.clear();
  present.entry = entry;
}
