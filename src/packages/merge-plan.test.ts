import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planMerge, type Tree, type TreeEntry } from "./merge-plan.ts";

const directory: TreeEntry = { kind: "directory" };
const file = (source: string): TreeEntry => ({ kind: "file", source });
const link = (target: string): TreeEntry => ({ kind: "link", target });
const tree = (entries: Record<string, TreeEntry>): Tree => Object.entries(entries);
const merged = (...trees: Record<string, TreeEntry>[]): Record<string, TreeEntry> =>
  Object.fromEntries(planMerge(trees.map(tree)));

test("directories join, and of files the later one is there", () => {
  const one = { bin: directory, "bin/a": file("1"), "bin/both": file("1") };
  const two = { bin: directory, "bin/b": file("2"), "bin/both": file("2"), other: directory };

  assert.deepEqual(merged(one, two), {
    bin: directory,
    "bin/a": file("1"),
    "bin/both": file("2"),
    "bin/b": file("2"),
    other: directory,
  });
  assert.deepEqual(merged(two, one)["bin/both"], file("1"));
});

test("a file or a link covers all of a directory, and a directory covers a file or a link", () => {
  const withDirectory = { a: directory, "a/b": directory, "a/b/c": file("1") };

  assert.deepEqual(merged(withDirectory, { a: file("2") }), { a: file("2") });
  assert.deepEqual(merged(withDirectory, { a: link("elsewhere") }), { a: link("elsewhere") });
  assert.deepEqual(merged({ a: file("2") }, withDirectory), withDirectory);
  assert.deepEqual(merged({ a: link("elsewhere"), elsewhere: directory }, withDirectory), {
    ...withDirectory,
    elsewhere: directory,
  });
});

test("what was covered does not come back", () => {
  const first = { a: directory, "a/old": file("1") };
  const third = { a: directory, "a/new": file("3") };

  assert.deepEqual(merged(first, { a: file("2") }, third), { a: directory, "a/new": file("3") });
});

test("links that are sound alone and lead out together are refused", () => {
  // Alone, `out` leads to `s` beside `p`; with `p/q` a link to `p` itself, one step up is one too many.
  const sound = { out: link("p/q/r/../../../s"), p: directory, "p/q": directory, "p/q/r": directory };
  const shortcut = { p: directory, "p/q": link(".") };

  assert.deepEqual(merged(sound), sound);
  assert.deepEqual(merged(shortcut), shortcut);
  assert.throws(() => merged(sound, shortcut), { code: "InvalidParameterValueException" });
});

/** Trees as one would unpack them one after the other into one directory. */
function unpackedInTurn(trees: readonly Record<string, TreeEntry>[]): Record<string, TreeEntry> {
  const result = new Map<string, TreeEntry>();
  for (const entries of trees) {
    for (const [path, entry] of Object.entries(entries)) {
      if (entry.kind !== "directory" || result.get(path)?.kind !== "directory") {
        for (const other of result.keys()) if (other.startsWith(`${path}/`)) result.delete(other);
      }
      result.set(path, entry);
    }
  }
  return Object.fromEntries(result);
}

test("whatever the trees, the result is what unpacking them in turn leaves", () => {
  const path = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
  const oneTree = fc.array(fc.tuple(path, fc.constantFrom("file", "link", "directory"))).map((entries) => {
    const found: Record<string, TreeEntry> = {};
    for (const [at, kind] of entries) {
      const parents = at.split("/").map((_, index, names) => names.slice(0, index).join("/"));
      const above = parents.filter((parent) => parent !== "");
      if (at in found || above.some((parent) => found[parent] !== undefined && found[parent] !== directory)) continue;
      for (const parent of above) found[parent] = directory;
      found[at] = kind === "file" ? file(at) : kind === "link" ? link("nowhere") : directory;
    }
    return found;
  });
  fc.assert(
    fc.property(fc.array(oneTree, { maxLength: 5 }), (trees) => {
      assert.deepEqual(merged(...trees), unpackedInTurn(trees));
    }),
  );
});

test("a path that is named like something every object has is a path", () => {
  const entries = [
    ["__proto__", directory],
    ["__proto__/constructor", file("1")],
  ] as const;

  assert.deepEqual([...planMerge([entries, entries])], entries);
});
