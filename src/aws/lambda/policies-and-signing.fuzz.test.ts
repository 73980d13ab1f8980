/** Whatever is asked of policies, code signing and tags is answered or refused, and what is kept stays readable. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, LambdaBench } from "../../../test/support/lambda-bench.ts";
import { ApiError } from "../../core/errors.ts";
import { lambdaModel } from "../models.ts";

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
const config = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000";
const names = fc.oneof(
  fc.constantFrom("f", arn, `${arn}:1`, `${arn}:$LATEST`, "none", config, arn.replace("000000000000", "111111111111")),
  fc.string(),
);
const text = fc.oneof(
  fc.constantFrom("s", "lambda:InvokeFunction", "*", "111111111111", "s3.amazonaws.com"),
  fc.string(),
);
const tags = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
const members: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  FunctionName: names,
  Resource: names,
  ResourceArn: names,
  CodeSigningConfigArn: fc.oneof(fc.constant(config), names),
  Qualifier: fc.constantFrom("1", "live", "$LATEST", "none"),
  StatementId: text,
  Action: text,
  Principal: text,
  SourceArn: fc.oneof(names, text),
  SourceAccount: text,
  PrincipalOrgID: fc.constantFrom("o-1234567890", "o"),
  EventSourceToken: text,
  FunctionUrlAuthType: fc.constantFrom("NONE", "AWS_IAM", "OTHER"),
  InvokedViaFunctionUrl: fc.boolean(),
  RevisionId: fc.oneof(fc.uuid(), text),
  Policy: fc.oneof(
    fc.json(),
    fc
      .record({ Effect: text, Principal: fc.oneof(text, fc.jsonValue()), Action: text, Resource: names })
      .map((statement) => JSON.stringify({ Version: "2012-10-17", Statement: [{ ...statement, Effect: "Allow" }] })),
  ),
  Description: fc.string(),
  AllowedPublishers: fc.record({ SigningProfileVersionArns: fc.array(names, { maxLength: 21 }) }),
  CodeSigningPolicies: fc.record({ UntrustedArtifactOnDeployment: fc.constantFrom("Warn", "Enforce", "Other") }),
  Tags: tags,
  TagKeys: fc.array(fc.string(), { maxLength: 3 }),
  MaxItems: fc.integer(),
  Marker: fc.string(),
};

const operations = Object.fromEntries(
  [...lambdaModel().operations]
    .filter(([name]) => /Policy$|Permission$|CodeSigningConfigs?$|Tags$|agResource$/.test(name))
    .filter(([name]) => !name.includes("Layer")),
);

test("any request is answered or refused, and the policy that is there can be read", async () => {
  await using lambda = await LambdaBench.open();
  await lambda.create("f");
  const anyCall = fc.constantFrom(...Object.keys(operations)).chain((name) => {
    const input = operations[name]?.input.members.map((member) => member.name) ?? [];
    const values = input.map(
      (member) => [member, fc.option(members[member] ?? text, { nil: undefined, freq: 8 })] as const,
    );
    return fc.tuple(fc.constant(name), fc.record(Object.fromEntries(values)));
  });
  assert(Object.keys(operations).length >= 18, Object.keys(operations).join());

  await fc.assert(
    fc.asyncProperty(anyCall, fc.boolean(), async ([name, input], isStranger) => {
      const account = isStranger ? "111111111111" : "000000000000";
      try {
        operations[name]?.validate(input);
        await lambda.call(name, input, context({ scope: { account, region: "us-east-1" } }));
      } catch (error) {
        assert(error instanceof ApiError, error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      const found = await lambda.call("GetPolicy", { FunctionName: "f" }).catch((error: unknown) => error);
      if (!(found instanceof ApiError)) JSON.parse((found as { Policy: string }).Policy);
    }),
    { numRuns: 3000 },
  );
});
