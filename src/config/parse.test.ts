import assert from "node:assert/strict";
import { test } from "node:test";

import { accessKeysOf, ConfigError, flagOf, parseConfig, variableOf } from "./parse.ts";
import { settings } from "./settings.ts";

function problemsOf(flags: Parameters<typeof parseConfig>[0], environment: Parameters<typeof parseConfig>[1] = {}) {
  try {
    parseConfig(flags, environment);
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

test("takes every default when nothing is set", () => {
  const config = parseConfig({}, {});

  for (const [name, setting] of Object.entries(settings)) {
    assert.equal(config[name as keyof typeof settings], setting.default);
  }
  assert(Object.isFrozen(config));
});

test("a flag wins over a variable, and an empty variable counts as absent", () => {
  const config = parseConfig({ port: "0" }, { HEARTH_PORT: "9000", HEARTH_DATA_DIR: "/data", HEARTH_HOST: "" });

  assert.equal(config.port, 0);
  assert.equal(config.dataDir, "/data");
  assert.equal(config.host, "127.0.0.1");
});

test("names flags and variables after the setting", () => {
  assert.equal(flagOf("dataDir"), "--data-dir");
  assert.equal(variableOf("dataDir"), "HEARTH_DATA_DIR");
  assert.equal(flagOf("workerMemoryMiB"), "--worker-memory-mib");
  assert.equal(variableOf("workerMemoryMiB"), "HEARTH_WORKER_MEMORY_MIB");
});

test("reports every error at once, with the legal range", () => {
  assert.deepEqual(problemsOf({ port: "70000" }, { HEARTH_POOL_MIN: "x", HEARTH_SANDBOX: "docker" }), [
    "--port: '70000' is not a whole number from 0 to 65535",
    "HEARTH_SANDBOX: 'docker' is not one of crun, runc, runsc",
    "HEARTH_POOL_MIN: 'x' is not a whole number from 0 to 1000",
  ]);
});

test("refuses a host beyond loopback without access keys", () => {
  assert.match(problemsOf({ host: "0.0.0.0" })[0] ?? "", /HEARTH_ACCESS_KEYS/);
  assert.deepEqual(problemsOf({ host: "0.0.0.0", accessKeys: "AKIDEXAMPLE:secret" }), []);
  assert.deepEqual(problemsOf({ host: "127.0.0.2" }), []);
  assert.deepEqual(problemsOf({ host: "::1" }), []);
});

test("refuses malformed keys and ranges", () => {
  assert.equal(problemsOf({ accessKeys: "nosecret" }).length, 1);
  assert.equal(problemsOf({ egressAllow: "10.0.0.0/8,1.2.3.4/64,fd00::/8" }).length, 1);
  assert.equal(problemsOf({ poolMin: "10", poolMax: "5" }).length, 1);
});

test("refuses mappings that are malformed, doubled or of no use", () => {
  assert.deepEqual(problemsOf({ kmsKeys: "arn:aws:kms:key=relative" }).length, 1);
  assert.match(problemsOf({ kmsKeys: "arn:k=/a,arn:k=/b" })[0] ?? "", /HEARTH_KMS_KEYS: arn:k is mapped twice/);
  assert.deepEqual(problemsOf({ securityGroups: "sg-1=10.0.0.0/8 fd00::/8,sg-2=" }), []);
  assert.match(problemsOf({ securityGroups: "sg-1=10.0.0.0/99" })[0] ?? "", /is not ID=CIDR/);
  assert.equal(problemsOf({ securityGroups: "sg-1=10.0.0.0/8", egress: "none" }).length, 1);
  assert.deepEqual(problemsOf({ fileSystems: "arn:a=/srv/data,arn:b=server:/export" }), []);
  assert.equal(problemsOf({ fileSystems: "arn:a=data" }).length, 1);
  assert.match(problemsOf({ ignoreUnmapped: "VpcConfig,Layers" })[0] ?? "", /'Layers' is not one of KMSKeyArn/);
});

test("a secret may hold colons", () => {
  assert.deepEqual(
    [...accessKeysOf({ accessKeys: "AKID:a:b, OTHER:c" })],
    [
      ["AKID", "a:b"],
      ["OTHER", "c"],
    ],
  );
});
