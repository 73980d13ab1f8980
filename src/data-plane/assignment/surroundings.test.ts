import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationOf } from "../../../test/support/data-plane.ts";
import { mappingsOf } from "../../config/mappings.ts";
import { ApiError, UnavailableError } from "../../core/errors.ts";
import { FunctionVariables } from "../../secrets/function-variables.ts";
import { Keyring } from "../../secrets/keyring.ts";
import { createSurroundings } from "./surroundings.ts";

const key = "arn:aws:kms:us-east-1:000000000000:key/1";
const ring = new Keyring(
  new Map([
    ["default", new Uint8Array(32)],
    [key, new Uint8Array(32).fill(1)],
  ]),
);
const variables = new FunctionVariables(ring, { ignoresUnknownKeys: false });
const none = { kmsKeys: "", securityGroups: "", fileSystems: "", ignoreUnmapped: "" };
const vpc = { subnetIds: ["subnet-1"], securityGroupIds: ["sg-2", "sg-1"], ipv6AllowedForDualStack: false };
const fileSystems = [{ arn: "arn:a", localMountPath: "/mnt/a" }];

function codeOf(find: () => unknown): string {
  try {
    find();
  } catch (error) {
    assert(error instanceof UnavailableError && error.cause instanceof ApiError);
    return error.cause.code;
  }
  return "none";
}

test("a function gets its variables, the union of its groups' ranges, and its directories", () => {
  const { functionArn } = configurationOf("f");
  const find = createSurroundings(
    variables,
    mappingsOf({
      ...none,
      securityGroups: "sg-1=9.9.9.9 10.0.0.0/8,sg-2=10.0.0.0/8 fd00::/8",
      fileSystems: "arn:a=/srv/a",
    }),
  );
  const environment = variables.seal(functionArn, { A: "1" }, key);

  assert.deepEqual(find(configurationOf("f", { environment, vpc, fileSystems })), {
    environment: { A: "1" },
    egressRanges: ["10.0.0.0/8", "9.9.9.9"],
    fileSystems: [{ source: "/srv/a", target: "/mnt/a" }],
  });
  assert.deepEqual(find(configurationOf("f")), { environment: {} });
});

test("IPv6 ranges are opened to functions that are allowed to use it, and to no others", () => {
  const find = createSurroundings(
    variables,
    mappingsOf({ ...none, securityGroups: "sg-1=::/0,sg-2=fd00::/8 9.9.9.9" }),
  );
  const rangesOf = (change: Partial<typeof vpc>): readonly string[] | undefined =>
    find(configurationOf("f", { vpc: { ...vpc, ...change } })).egressRanges;

  assert.deepEqual(rangesOf({ ipv6AllowedForDualStack: true }), ["9.9.9.9", "::/0", "fd00::/8"]);
  assert.deepEqual(rangesOf({}), ["9.9.9.9"]);
  assert.deepEqual(rangesOf({ securityGroupIds: ["sg-1"] }), [], "nothing, and not everything");
  assert.equal(rangesOf({ subnetIds: [], securityGroupIds: [] }), undefined, "in no VPC any more");
});

test("what was mapped once and is not any more is Lambda's error, not an open door", () => {
  const { functionArn } = configurationOf("f");
  const withoutKey = new FunctionVariables(new Keyring(new Map([["default", new Uint8Array(32)]])), {
    ignoresUnknownKeys: true,
  });
  const environment = variables.seal(functionArn, { A: "1" }, key);
  const find = createSurroundings(withoutKey, mappingsOf({ ...none, securityGroups: "sg-1=9.9.9.9" }));

  assert.equal(
    codeOf(() => find(configurationOf("f", { environment }))),
    "KMSNotFoundException",
  );
  assert.equal(
    codeOf(() => find(configurationOf("f", { vpc }))),
    "EC2UnexpectedException",
  );
  assert.equal(
    codeOf(() => find(configurationOf("f", { fileSystems }))),
    "EFSMountFailureException",
  );
});

test("ignored groups add nothing to the known ones; without any known one the general rules hold", () => {
  const ignoring = { ...none, ignoreUnmapped: "VpcConfig,FileSystemConfigs" };
  const some = createSurroundings(variables, mappingsOf({ ...ignoring, securityGroups: "sg-1=9.9.9.9" }));
  const all = createSurroundings(variables, mappingsOf(ignoring));

  assert.deepEqual(some(configurationOf("f", { vpc })), { environment: {}, egressRanges: ["9.9.9.9"] });
  assert.deepEqual(all(configurationOf("f", { vpc, fileSystems })), { environment: {} });
});
