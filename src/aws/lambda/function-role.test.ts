import assert from "node:assert/strict";
import { test } from "node:test";
import { Iam } from "../../control-plane/iam/iam.ts";
import { context, LambdaBench, role, validRequest } from "../../../test/support/lambda-bench.ts";

const { account } = context().scope;
const unassumable = {
  code: "InvalidParameterValueException",
  message: "The role defined for the function cannot be assumed by Lambda.",
};

test("where roles are checked, a function's role must be there and trust Lambda, when it is made and when it changes", async () => {
  await using bench = await LambdaBench.open();
  const iam = new Iam({ records: bench.engine.records, clock: bench.clock, random: (size) => new Uint8Array(size) });
  const create = (name: string, service: string) =>
    iam.roles.create({
      account,
      name,
      path: "/",
      trustPolicy: `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"${service}"}}}`,
      tags: [],
    });
  await create("any", "lambda.amazonaws.com");
  await create("ec2", "ec2.amazonaws.com");
  const other = role.replace(/any$/, "ec2");
  await bench.create("unchecked", { Role: other });
  bench.roles = iam;

  await assert.rejects(bench.call("CreateFunction", { ...validRequest("f"), Role: other }), unassumable);
  await assert.rejects(bench.call("CreateFunction", { ...validRequest("f"), Role: `${role}-not` }), unassumable);
  await assert.rejects(
    bench.call("CreateFunction", { ...validRequest("f"), Role: "arn:aws:iam::999999999999:role/any" }),
    { code: "AccessDeniedException", message: "Cross-account pass role is not allowed." },
  );
  await bench.create("f");
  await assert.rejects(bench.call("UpdateFunctionConfiguration", { FunctionName: "f", Role: other }), unassumable);
  await bench.call("UpdateFunctionConfiguration", { FunctionName: "unchecked", Timeout: 5 });
  assert.equal((await bench.untilSettled("f"))["Role"], role);
});
