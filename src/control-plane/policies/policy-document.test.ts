import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../core/errors.ts";
import {
  policyBytesMax,
  renderPolicy,
  withoutStatement,
  withStatement,
  type PolicyDocument,
} from "./policy-document.ts";
import { statementOf, type Permission } from "./statement.ts";

const arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
const isApiError = (code: string, message: string) => (error: unknown) =>
  error instanceof ApiError && error.code === code && error.message === message;

const permission = (statementId: string, more: Partial<Permission> = {}): Permission => ({
  statementId,
  action: "lambda:InvokeFunction",
  principal: "s3.amazonaws.com",
  ...more,
});

function printed(principal: string): unknown {
  return statementOf(permission("s", { principal }), arn).Principal;
}

test("a policy is printed as AWS prints it, member by member", () => {
  const document = withStatement(
    undefined,
    statementOf(permission("s3", { sourceArn: "arn:aws:s3:::bucket", sourceAccount: "123456789012" }), arn),
  );

  assert.equal(
    renderPolicy(document),
    `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s3","Effect":"Allow",` +
      `"Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"${arn}",` +
      `"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}]}`,
  );
});

test("each kind of principal is printed in its own way, and what is none is refused", () => {
  assert.deepEqual(printed("123456789012"), { AWS: "arn:aws:iam::123456789012:root" });
  assert.deepEqual(printed("arn:aws:iam::123456789012:role/a/b"), { AWS: "arn:aws:iam::123456789012:role/a/b" });
  assert.deepEqual(printed("alexa-appkit.amazon.com"), { Service: "alexa-appkit.amazon.com" });
  assert.equal(printed("*"), "*");
  for (const none of ["amazonaws.com", "me", "12345678901", "arn:aws:s3:::bucket", "evil.com/s3.amazonaws.com"]) {
    assert.throws(
      () => printed(none),
      isApiError(
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
      ),
    );
  }
});

test("every condition of a permission stands under its operator", () => {
  const { Condition } = statementOf(
    permission("s", {
      principal: "*",
      organizationId: "o-1234567890",
      eventSourceToken: "token",
      functionUrlAuthType: "NONE",
      invokedViaFunctionUrl: true,
    }),
    arn,
  );

  assert.deepEqual(Condition, {
    StringEquals: {
      "lambda:EventSourceToken": "token",
      "lambda:FunctionUrlAuthType": "NONE",
      "aws:PrincipalOrgID": "o-1234567890",
    },
    Bool: { "lambda:InvokedViaFunctionUrl": "true" },
  });
});

test("a statement id is taken once, and an unknown one cannot be removed", () => {
  const document = withStatement(undefined, statementOf(permission("one"), arn));

  assert.throws(
    () => withStatement(document, statementOf(permission("one"), arn)),
    isApiError(
      "ResourceConflictException",
      "The statement id (one) provided already exists. Please provide a new statement id, or remove the existing statement.",
    ),
  );
  assert.throws(
    () => withoutStatement(document, "two"),
    isApiError("ResourceNotFoundException", "Statement two is not found in resource policy."),
  );
  assert.equal(withoutStatement(document, "one"), undefined);
});

test("a policy grows up to its limit and no further", () => {
  let document: PolicyDocument | undefined;
  assert.throws(
    () => {
      for (let n = 0; n < 1000; n++) document = withStatement(document, statementOf(permission(`statement-${n}`), arn));
    },
    (error: Error) => /^The final policy size \((\d+)\) is bigger than the limit \(20480\)\.$/.test(error.message),
  );
  assert(document !== undefined && Buffer.byteLength(renderPolicy(document)) <= policyBytesMax);
});

test("whatever is added and removed, the rest stays, in its order, and what is printed reads back the same", () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), id: fc.constantFrom("a", "b", "c", "d", "e") }), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(steps, (sequence) => {
      let document: PolicyDocument | undefined;
      let model: string[] = [];
      for (const { add, id } of sequence) {
        const step = (): PolicyDocument | undefined =>
          add ? withStatement(document, statementOf(permission(id), arn)) : document && withoutStatement(document, id);
        if (add ? model.includes(id) : model.length > 0 && !model.includes(id)) {
          assert.throws(step);
          continue;
        }
        document = step();
        if (add) model.push(id);
        else model = model.filter((present) => present !== id);
        assert.deepEqual(document?.Statement.map(({ Sid }) => Sid) ?? [], model);
        if (document !== undefined) assert.deepEqual(JSON.parse(renderPolicy(document)), document);
      }
    }),
  );
});
