import { LambdaWorld } from "../../../test/support/lambda-world.ts";
import { operationsOf } from "../../../tools/services.ts";
import { lambdaConstraints } from "../generated/constraints-lambda.ts";
import { lambdaModel } from "../models.ts";
import { testRequests } from "../self-check/request-properties.ts";

const operations = operationsOf("lambda");

testRequests({
  model: lambdaModel(),
  constraints: lambdaConstraints,
  operations,
  open: () => LambdaWorld.open(operations),
});
