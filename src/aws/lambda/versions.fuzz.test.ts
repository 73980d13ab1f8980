import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LambdaBench, zip } from "../../../test/support/lambda-bench.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";

type Shown = Readonly<Record<string, unknown>>;

/** What AWS documents for these operations, and nothing of the platform's own. */
const refusals = new Set([
  "InvalidParameterValueException",
  "PreconditionFailedException",
  "ResourceConflictException",
  "ResourceNotFoundException",
  "ValidationException",
]);

const names = fc.constantFrom(
  "f",
  "f",
  "f",
  "f:$LATEST",
  "f:1",
  "f:live",
  "g",
  "arn:aws:lambda:us-east-1:000000000000:function:f",
);
const versions = fc.constantFrom("1", "2", "3", "01", "0", "99999999999", "$LATEST", "$LATEST.PUBLISHED", "live", "");
const aliasNames = fc.constantFrom("live", "canary", "LIVE", "1", "a b", "");
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const routing = maybe(
  fc.record(
    {
      AdditionalVersionWeights: fc.dictionary(
        versions,
        fc.oneof(fc.double({ min: 0, max: 1 }), fc.constantFrom(-1, 2, Number.NaN, Infinity)),
        { maxKeys: 2 },
      ),
    },
    { requiredKeys: [] },
  ),
);
const revisions = maybe(fc.constantFrom("", "00000000-0000-4000-8000-000000000002", "x".repeat(300)));
const page = {
  Marker: maybe(fc.constantFrom("MQ", "bGl2ZQ", "??", "")),
  MaxItems: maybe(fc.constantFrom(0, 1, 50, 10_000, -1)),
};
const description = maybe(fc.constantFrom("", "text", "x".repeat(300)));

const alias = { FunctionName: names, Name: aliasNames };
const change = { FunctionVersion: versions, Description: description, RoutingConfig: routing };
const calls = fc.oneof(
  ...Object.entries({
    PublishVersion: {
      FunctionName: names,
      CodeSha256: maybe(fc.constantFrom("", "x")),
      Description: description,
      RevisionId: revisions,
    },
    ListVersionsByFunction: { FunctionName: names, ...page },
    CreateAlias: { ...alias, ...change },
    UpdateAlias: { ...alias, ...change, FunctionVersion: maybe(versions), RevisionId: revisions },
    GetAlias: alias,
    ListAliases: { FunctionName: names, FunctionVersion: maybe(versions), ...page },
    DeleteAlias: alias,
    DeleteFunction: { FunctionName: names, Qualifier: versions },
    GetFunctionConfiguration: { FunctionName: names, Qualifier: maybe(fc.oneof(versions, aliasNames)) },
    UpdateFunctionCode: {
      FunctionName: names,
      ZipFile: fc.constantFrom("1", "2", "3").map(zip),
      Publish: maybe(fc.boolean()),
      DryRun: maybe(fc.boolean()),
      RevisionId: revisions,
    },
  }).map(([operation, members]) =>
    fc.tuple(fc.constant(operation), fc.record(members as Record<string, fc.Arbitrary<unknown>>)),
  ),
);

test("whatever is asked of versions and aliases, in whatever order, they stay whole and never change", async () => {
  const model = lambdaModel();
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 5, maxLength: 25 }), async (sequence) => {
      await using lambda = await LambdaBench.open();
      await lambda.create("f");
      /** Each version as it was when it was first seen Active. */
      const published = new Map<string, unknown>();

      for (const [operation, members] of sequence) {
        const input = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
        try {
          model.operations.get(operation)?.validate(input);
          await lambda.call(operation, input);
        } catch (error) {
          assert(error instanceof ApiError, String((error as Error).stack));
          assert(refusals.has(error.code), `${operation} ${JSON.stringify(input)}: ${error.code} ${error.message}`);
        }
        await lambda.untilSettled("f");

        const { Versions } = await lambda.call<{ Versions: Shown[] }>("ListVersionsByFunction", {
          FunctionName: "f",
        });
        const numbers = Versions.slice(1).map(({ Version }) => Number(Version));
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        );
        for (const { RevisionId: _revision, ...version } of Versions.slice(1)) {
          const first = published.get(String(version["Version"])) ?? version;
          published.set(String(version["Version"]), first);
          assert.deepEqual(version, first, "a version does not change");
        }
        const { Aliases } = await lambda.call<{ Aliases: Shown[] }>("ListAliases", { FunctionName: "f" });
        for (const { FunctionVersion, RoutingConfig } of Aliases) {
          const { AdditionalVersionWeights = {} } = (RoutingConfig ?? {}) as { AdditionalVersionWeights?: object };
          for (const version of [FunctionVersion, ...Object.keys(AdditionalVersionWeights)]) {
            assert(version === "$LATEST" || numbers.includes(Number(version)), `an alias points to ${String(version)}`);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});
