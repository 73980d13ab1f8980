import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf, nodePack, scope } from "../../../test/support/data-plane.ts";
import type { LayerUse } from "../../core/function-record.ts";
import type { TreeStore } from "../../packages/ensure-tree.ts";
import { LaunchPlanner } from "./launch-plan.ts";

const useOf = (digest: string): LayerUse => ({ arn: `arn:${digest}`, digest, sizeBytes: 1, unzippedBytes: 1 });
const layered = configurationOf("f", { codeDigest: "code", layers: [useOf("lower"), useOf("upper")] });

/** Packages of which some are unpacked; notes what it was asked to make. */
function packagesWith(unpacked: string[]): { readonly packages: TreeStore; readonly made: string[] } {
  const present = new Set(unpacked);
  const made: string[] = [];
  const make = (id: string): Promise<string> => {
    made.push(id);
    present.add(id);
    return Promise.resolve(`/${id}`);
  };
  const find = (id: string): string | undefined => (present.has(id) ? `/${id}` : undefined);
  return {
    made,
    packages: {
      find,
      unpack: make,
      findMerged: (digests) => find(digests.join("+")),
      merge: (digests) => make(digests.join("+")),
    },
  };
}

function plannerOf(packages: TreeStore, archives: readonly string[] = []): LaunchPlanner {
  return new LaunchPlanner({
    resolveRuntime: () => nodePack,
    packages,
    blobs: { get: (digest) => Promise.resolve(archives.includes(digest) ? Buffer.from(digest) : undefined) },
    surroundings: () => ({ environment: {} }),
    pins: { require: () => undefined },
  });
}

test("an environment gets its function's code, and the tree of its layers in their order", async () => {
  const { packages, made } = packagesWith(["code", "lower+upper"]);
  const planner = plannerOf(packages);

  const plan = await planner.plan(scope, layered);
  const bare = await planner.plan(scope, { ...layered, layers: [] });

  assert.deepEqual([plan.codeDirectory, plan.layersDirectory], ["/code", "/lower+upper"]);
  assert.deepEqual([bare.codeDirectory, "layersDirectory" in bare], ["/code", false]);
  assert.deepEqual(made, [], "all of it was there");
});

test("a tree that the disk lost is made again, once for all who wait", async () => {
  const { packages, made } = packagesWith(["code", "lower"]);
  const planner = plannerOf(packages, ["code", "lower", "upper"]);

  const plans = await Promise.all([planner.plan(scope, layered), planner.plan(scope, layered)]);

  assert.deepEqual(
    plans.map(({ layersDirectory }) => layersDirectory),
    ["/lower+upper", "/lower+upper"],
  );
  assert.deepEqual(made, ["upper", "lower+upper"]);
});

test("a layer whose archive is gone is the platform's failure, and the next start tries again", async () => {
  const { packages } = packagesWith(["code", "lower"]);
  const archives = ["code", "lower"];
  const planner = plannerOf(packages, archives);

  await assert.rejects(planner.plan(scope, layered), { name: "UnavailableError", reason: "no-capacity" });
  archives.push("upper");

  assert.equal((await planner.plan(scope, layered)).layersDirectory, "/lower+upper");
});
