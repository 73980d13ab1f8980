/** Well-formed requests of any kind about layers, in any order: each is answered or refused, and none breaks anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { buildZip } from "../../../test/support/build-zip.ts";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";
import { markerAt } from "./page-marker.ts";

const accounts = ["000000000000", "111111111111"] as const;
const arnOf = (account: string, region: string, name: string): string =>
  `arn:aws:lambda:${region}:${account}:layer:${name}`;
const layerNames = [
  "a",
  "b",
  "-",
  "__proto__",
  "constructor",
  "9".repeat(140),
  ...accounts.map((account) => arnOf(account, "us-east-1", "a")),
  arnOf("111111111111", "eu-west-1", "a"),
];
const zips = ["one", "two"].map((content) => buildZip([{ name: "f", content }]));

const LayerName = fc.constantFrom(...layerNames);
const VersionNumber = fc.constantFrom(-1, 0, 1, 2, 3, 2 ** 31, Number.MAX_SAFE_INTEGER);
const StatementId = fc.constantFrom("s", "t", "-_-");
const optional = <T>(...values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
const RevisionId = optional("unknown", "");
const filters = {
  CompatibleRuntime: optional("nodejs24.x", "java8"),
  CompatibleArchitecture: optional("x86_64", "arm64"),
  Marker: optional("", "x", markerAt("a"), markerAt("2"), markerAt("9999999999")),
  MaxItems: optional(1, 50),
};

const request = fc.oneof(
  ...Object.entries({
    PublishLayerVersion: {
      LayerName,
      Content: fc.constantFrom(...zips, Buffer.from("no zip")).map((ZipFile) => ({ ZipFile })),
      CompatibleRuntimes: optional(["nodejs24.x"], ["java8", "go1.x"], []),
      CompatibleArchitectures: optional(["x86_64", "arm64"], []),
      LicenseInfo: optional("MIT", ""),
      Description: optional("", "words"),
    },
    GetLayerVersion: { LayerName, VersionNumber },
    GetLayerVersionByArn: {
      Arn: fc.constantFrom(...layerNames.filter((name) => name.includes(":"))).map((arn) => `${arn}:1`),
    },
    DeleteLayerVersion: { LayerName, VersionNumber },
    ListLayers: filters,
    ListLayerVersions: { LayerName, ...filters },
    AddLayerVersionPermission: {
      LayerName,
      VersionNumber,
      StatementId,
      Action: fc.constant("lambda:GetLayerVersion"),
      Principal: fc.constantFrom("*", "111111111111", "arn:aws:iam::222222222222:root"),
      OrganizationId: optional("o-0123456789"),
      RevisionId,
    },
    RemoveLayerVersionPermission: { LayerName, VersionNumber, StatementId, RevisionId },
    GetLayerVersionPolicy: { LayerName, VersionNumber },
  }).map(([operation, members]) =>
    fc.record({
      operation: fc.constant(operation),
      account: fc.constantFrom(...accounts),
      input: fc.record(members as Record<string, fc.Arbitrary<unknown>>),
    }),
  ),
);

test("every request about layers is answered or refused, and versions only ever count up", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 30 }), async (requests) => {
      await using lambda = await LambdaBench.open();
      const published = new Map<string, number>();
      for (const { operation, account, input } of requests) {
        const call = context({ scope: { account, region: "us-east-1" } });
        const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
        try {
          lambdaModel().operations.get(operation)?.validate(given);
          const answer = await lambda.call(operation, given, call);
          if (operation !== "PublishLayerVersion") continue;
          const layer = String(answer["LayerArn"]);
          assert.equal(answer["Version"], (published.get(layer) ?? 0) + 1);
          published.set(layer, answer["Version"]);
        } catch (error) {
          assert(error instanceof ApiError, `${operation} ${JSON.stringify(given)}: ${String(error)}`);
        }
      }
    }),
    { numRuns: 60 },
  );
});
