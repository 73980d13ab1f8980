/**
 * Requests to IAM and STS that nobody would write: well-formed ones never make the server fail, and one with a broken
 * member is refused and changes nothing.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { stsModel } from "../models.ts";
import { iamModel } from "./iam-model.ts";
import { openIdentityBench } from "../self-check/identity.ts";
import { startLoopback } from "../self-check/loopback.ts";
import { createStsHandlers } from "../sts/handlers.ts";
import { iamConstraints } from "./constraints.ts";
import { iamHandlers } from "./iam-service.ts";

const account = "111122223333";
const trust = '{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}}';
const document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}';

const name = fc.constantFrom("a", "A", "b", "__proto__", "constructor");
const path = fc.constantFrom("/", "/x/", "/x/y/");
const tags = fc.array(fc.record({ Key: fc.constantFrom("k", "K", "__proto__"), Value: fc.constantFrom("", "v") }), {
  maxLength: 3,
});
const policyArn = fc.oneof(
  fc.constantFrom(
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::444455556666:policy/a",
    "arn:aws:iam:::policy/nobody-at-all",
  ),
  fc.tuple(path, name).map(([where, what]) => `arn:aws:iam::${account}:policy${where}${what}`),
);

/** Values of each member, within the service model. */
const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  RoleName: name,
  PolicyName: name,
  InstanceProfileName: name,
  UserName: name,
  Path: path,
  PathPrefix: path,
  PolicyArn: policyArn,
  PermissionsBoundary: policyArn,
  AssumeRolePolicyDocument: fc.constantFrom(trust, trust, document, "x"),
  PolicyDocument: fc.constantFrom(document, document, trust, "{"),
  Description: fc.constantFrom("", "text"),
  MaxSessionDuration: fc.constantFrom(3600, 43_200),
  Tags: tags,
  TagKeys: fc.array(fc.constantFrom("k", "K"), { maxLength: 2 }),
  Marker: fc.constantFrom("YQ", "x", "/"),
  MaxItems: fc.constantFrom(1, 2, 1000),
  VersionId: fc.constantFrom("v1", "v2", "v9", "v1.x"),
  SetAsDefault: fc.boolean(),
  Scope: fc.constantFrom("All", "AWS", "Local"),
  OnlyAttached: fc.boolean(),
  PolicyUsageFilter: fc.constantFrom("PermissionsPolicy", "PermissionsBoundary"),
  EntityFilter: fc.constantFrom("Role", "User"),
  AWSServiceName: fc.constantFrom("lambda.amazonaws.com", "nobody.amazonaws.com"),
  CustomSuffix: fc.constant("s"),
  DeletionTaskId: fc.constantFrom("task", "task/aws-service-role/x/a/AROAAAAAAAAAAAAAAAAAA"),
  RoleArn: fc.tuple(path, name).map(([where, what]) => `arn:aws:iam::${account}:role${where}${what}`),
  RoleSessionName: fc.constant("session"),
  DurationSeconds: fc.constantFrom(900, 3600, 43_200),
  ExternalId: fc.constant("external"),
  Policy: fc.constantFrom(document, trust),
};

function formOf(operation: string, version: string, members: object): string {
  const form = new URLSearchParams({ Action: operation, Version: version });
  for (const [key, value] of Object.entries(members) as [string, unknown][]) {
    if (!Array.isArray(value)) form.set(key, String(value));
    for (const [index, item] of Array.isArray(value) ? (value as unknown[]).entries() : []) {
      if (typeof item !== "object" || item === null) form.set(`${key}.member.${index + 1}`, String(item));
      else
        for (const [inner, text] of Object.entries(item)) form.set(`${key}.member.${index + 1}.${inner}`, String(text));
    }
  }
  return form.toString();
}

async function openWorld() {
  const bench = await openIdentityBench();
  const services = [
    { model: await iamModel(), handlers: iamHandlers(bench) },
    { model: stsModel(), handlers: createStsHandlers({ ...bench, roleOf: () => undefined }) },
  ];
  const loopback = await startLoopback({ services, sessions: bench.sessions });
  const operations = services.flatMap(({ model, handlers }) =>
    [...model.operations.values()]
      .filter((operation) => operation.name in handlers)
      .map((operation) => ({ model, operation })),
  );
  const send = async (service: string, body: string): Promise<number> => {
    const scope = `${account}/20261121/us-east-1/${service}/aws4_request`;
    const answer = await fetch(loopback.url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "x-amz-date": "20261121T080000Z",
        authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=x`,
      },
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const contents = async (): Promise<string> => {
    const kinds = ["iam-role", "iam-policy", "iam-instance-profile"];
    const lists = await Promise.all(kinds.map((kind) => bench.engine.records.list([kind])));
    return JSON.stringify(lists);
  };
  return {
    operations,
    send,
    contents,
    async [Symbol.asyncDispose]() {
      await loopback[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

test("well-formed requests, in any order, never make IAM or STS fail", async () => {
  await using world = await openWorld();
  const request = fc.constantFrom(...world.operations).chain(({ model, operation }) => {
    const members = operation.input.members.filter((member) => member.name in values);
    const arbitraries = Object.fromEntries(
      members.map((member) => [member.name, values[member.name] ?? fc.constant("")]),
    );
    const requiredKeys = members.filter(({ required }) => required).map((member) => member.name);
    return fc.record(arbitraries, { requiredKeys }).map((chosen) => ({
      service: model.facts.name,
      body: formOf(operation.name, model.facts.version, chosen),
    }));
  });
  const statuses = new Map<number, number>();

  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 10, maxLength: 40 }), async (requests) => {
      for (const { service, body } of requests) {
        const status = await world.send(service, body);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        assert(status < 500, body);
      }
    }),
    { numRuns: 40 },
  );
  assert((statuses.get(200) ?? 0) > 50, JSON.stringify([...statuses]));
});

test("a request with one member out of its bounds is refused, and nothing changes", async () => {
  await using world = await openWorld();
  const { operations, send, contents } = world;
  await send("iam", formOf("CreateRole", "2010-05-08", { RoleName: "a", AssumeRolePolicyDocument: trust }));
  await send("iam", formOf("CreatePolicy", "2010-05-08", { PolicyName: "a", PolicyDocument: document }));
  const before = await contents();
  const good = new Map(
    Object.entries(values).map(([key, arbitrary]) => [key, fc.sample(arbitrary, { numRuns: 1, seed: 1 })[0]]),
  );

  for (const { model, operation } of operations) {
    const constrained = iamConstraints.members[operation.input.name] ?? {};
    const required = operation.input.members.filter((member) => member.required);
    const whole = Object.fromEntries(required.map((member) => [member.name, good.get(member.name)]));
    for (const member of operation.input.members) {
      const constraint = iamConstraints.shapes[constrained[member.name] ?? ""];
      const broken: unknown[] = member.required ? [undefined] : [];
      if (constraint?.type === "string") broken.push("\u0001", "x".repeat((constraint.max ?? 3000) + 1));
      if (constraint?.type === "integer") broken.push(0, 1_000_000, "many", 1.5);
      if (constraint?.type === "list") broken.push(Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: "" })));
      for (const value of broken) {
        const members: Record<string, unknown> = { ...whole, [member.name]: value };
        if (value === undefined) delete members[member.name];
        const status = await send(model.facts.name, formOf(operation.name, model.facts.version, members));
        const isArnOrText = ["arnType", "policyDescriptionType", "DeletionTaskIdType"].includes(
          constrained[member.name] ?? "",
        );
        if (value !== "\u0001" || !isArnOrText) {
          assert(
            status >= 400 && status < 500,
            `${operation.name} ${member.name} ${String(value).slice(0, 20)}: ${status}`,
          );
        }
      }
    }
  }
  assert.equal(await contents(), before);
});
