import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PackageListing } from "./package-listing.ts";

const root = mkdtempSync(join(tmpdir(), "hearth-listing-"));
after(() => rmSync(root, { recursive: true, force: true }));

function store(bootId: string) {
  const directory = join(root, bootId);
  const clock = { nowMs: 1_000_000_000 };
  return {
    listing: new PackageListing(root, { now: () => clock.nowMs, bootId }),
    add: (name: string) => mkdirSync(join(directory, name), { recursive: true }),
    /** When the directory was last changed; and the time, long after that. */
    setTimeMs: (atMs: number) => {
      utimesSync(directory, atMs / 1000, atMs / 1000);
      clock.nowMs = atMs + 60_000;
    },
  };
}

test("packages are told when they have changed, whole ones only", () => {
  const { listing, add, setTimeMs } = store("boot-1");
  add("a");
  add(".unfinished-x");
  setTimeMs(1000);

  assert.deepEqual(listing.changes(), ["a"]);
  assert.equal(listing.changes(), undefined);
  add("tree-b");
  setTimeMs(2000);

  assert.deepEqual(listing.changes()?.toSorted(), ["a", "tree-b"]);
  assert.deepEqual(listing.all().toSorted(), ["a", "tree-b"]);
});

test("what is unpacked in the same moment in which the directory was read is not missed", () => {
  const { listing, add, setTimeMs } = store("boot-2");
  add("a");
  setTimeMs(1_000_000_000);
  const early = new PackageListing(root, { now: () => 1_000_000_000, bootId: "boot-2" });
  assert.deepEqual(early.changes(), ["a"]);

  add("b");
  setTimeMs(1_000_000_000);

  assert.deepEqual(early.changes()?.toSorted(), ["a", "b"]);
  assert.deepEqual(listing.all().toSorted(), ["a", "b"]);
});

test("a store that is not there yet holds nothing", () => {
  const { listing } = store("boot-3");

  assert.equal(listing.changes(), undefined);
  assert.deepEqual(listing.all(), []);
});
