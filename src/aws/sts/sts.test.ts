/** STS through the newest SDK, on an endpoint that takes anybody and on one that verifies every signature. */
import { IAM } from "@aws-sdk/client-iam";
import { STS, type Credentials, type STSServiceException as ServiceException } from "@aws-sdk/client-sts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/manual-clock.ts";
import type { AuthPolicy } from "../auth/authenticate.ts";
import { iamHandlers } from "../iam/iam-service.ts";
import { stsModel } from "../models.ts";
import { iamModel } from "../iam/iam-model.ts";
import { openIdentityBench, type IdentityBench } from "../self-check/identity.ts";
import { startLoopback, type Loopback } from "../self-check/loopback.ts";
import { createStsHandlers } from "./handlers.ts";

const account = "111122223333";
const longTerm = { accessKeyId: account, secretAccessKey: "secret" };
const keys: AuthPolicy = {
  keys: new Map([
    [account, "secret"],
    ["444455556666", "secret"],
  ]),
};

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** The SDK signs with the system's time, so the clock begins there. */
async function open(
  auth: AuthPolicy,
): Promise<AsyncDisposable & { bench: IdentityBench; loopback: Loopback; clock: ManualClock }> {
  const clock = new ManualClock(Date.now());
  const bench = await openIdentityBench(clock);
  const loopback = await serve(bench, auth, clock);
  return {
    bench,
    loopback,
    clock,
    async [Symbol.asyncDispose]() {
      await loopback[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

async function serve(
  identity: Pick<IdentityBench, "iam" | "sessions">,
  auth: AuthPolicy,
  clock: ManualClock,
): Promise<Loopback> {
  const services = [
    { model: stsModel(), handlers: createStsHandlers({ ...identity, roleOf: () => undefined }) },
    { model: await iamModel(), handlers: iamHandlers(identity) },
  ];
  return startLoopback({ services, auth, clock, sessions: identity.sessions });
}

const configOf = ({ url }: Loopback, credentials: Keys) => ({
  endpoint: url,
  region: "eu-west-1",
  credentials,
  maxAttempts: 1,
});
const stsOf = (loopback: Loopback, credentials: Keys = longTerm): STS => new STS(configOf(loopback, credentials));
const keysOf = (credentials: Credentials | undefined): Keys => ({
  accessKeyId: credentials?.AccessKeyId ?? "",
  secretAccessKey: credentials?.SecretAccessKey ?? "",
  sessionToken: credentials?.SessionToken ?? "",
});

async function createRole(
  loopback: Loopback,
  name: string,
  statement: object = {},
  further: object = {},
): Promise<string> {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: account }, Action: "sts:AssumeRole", ...statement }],
  };
  const role = { RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust), ...further };
  return (await new IAM(configOf(loopback, longTerm)).createRole(role)).Role?.Arn ?? "";
}

async function refusal(call: Promise<unknown>): Promise<readonly [string, string, number | undefined]> {
  const error = await call.then(
    () => assert.fail("the call did not fail"),
    (failure: unknown) => failure as ServiceException,
  );
  const { Code } = (error as { readonly Error?: { readonly Code?: string } }).Error ?? {};
  return [Code ?? error.name, error.message, error.$metadata.httpStatusCode];
}

const denied = (caller: string, arn: string, action = "sts:AssumeRole"): readonly unknown[] => [
  "AccessDenied",
  `User: arn:aws:iam::${caller}:root is not authorized to perform: ${action} on resource: ${arn}`,
  403,
];

const policies: readonly (readonly [string, AuthPolicy])[] = [
  ["anybody", { open: true }],
  ["who signs", keys],
];

for (const [whom, auth] of policies) {
  test(`an endpoint that takes ${whom} takes a role's temporary credentials until they expire`, async () => {
    await using world = await open(auth);
    const { loopback, clock, bench } = world;
    const RoleArn = await createRole(loopback, "worker", {}, { Path: "/x/" });

    const answer = await stsOf(loopback).assumeRole({ RoleArn, RoleSessionName: "me@work", DurationSeconds: 900 });
    const credentials = keysOf(answer.Credentials);
    const { Role } = await new IAM(configOf(loopback, longTerm)).getRole({ RoleName: "worker" });
    const arn = `arn:aws:sts::${account}:assumed-role/worker/me@work`;

    assert.deepEqual(answer.AssumedRoleUser, { AssumedRoleId: `${Role?.RoleId}:me@work`, Arn: arn });
    assert.match(credentials.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
    assert.equal(answer.Credentials?.Expiration?.getTime(), (Math.floor(clock.now() / 1000) + 900) * 1000);
    assert.equal(Role?.RoleLastUsed?.Region, "eu-west-1");
    const identity = await stsOf(loopback, credentials).getCallerIdentity({});
    assert.deepEqual([identity.Account, identity.Arn, identity.UserId], [account, arn, `${Role?.RoleId}:me@work`]);
    await using restarted = await serve(await bench.restarted(), auth, clock);
    assert.equal((await stsOf(restarted, credentials).getCallerIdentity({})).Arn, arn);

    clock.advance(120_000);
    await using other = await open(auth);
    assert.notEqual((await stsOf(loopback, credentials).getCallerIdentity({})).Arn, undefined);
    if ("keys" in auth) {
      const forged = { ...credentials, secretAccessKey: "guess" };
      assert.equal((await refusal(stsOf(loopback, forged).getCallerIdentity({})))[0], "SignatureDoesNotMatch");
      const borrowed = { ...credentials, accessKeyId: account, secretAccessKey: "secret" };
      assert.equal((await refusal(stsOf(loopback, borrowed).getCallerIdentity({})))[0], "InvalidClientTokenId");
      assert.equal(
        (await refusal(stsOf(other.loopback, credentials).getCallerIdentity({})))[0],
        "InvalidClientTokenId",
      );
    }
    clock.advance(780_000);
    assert.deepEqual(await refusal(new IAM(configOf(loopback, credentials)).listRoles({})), [
      "ExpiredToken",
      "The security token included in the request is expired",
      403,
    ]);
  });
}

test("a role is assumed only by whom its trust policy names", async () => {
  await using world = await open({ open: true });
  const { loopback } = world;
  const stranger = stsOf(loopback, { ...longTerm, accessKeyId: "444455556666" });
  const RoleSessionName = "session";
  const own = await createRole(loopback, "own");
  const service = await createRole(loopback, "service", { Principal: { Service: "lambda.amazonaws.com" } });
  const guarded = await createRole(loopback, "guarded", {
    Principal: { AWS: "arn:aws:iam::444455556666:root" },
    Condition: { StringEquals: { "sts:ExternalId": ["secret-word"] } },
  });
  const odd = await createRole(loopback, "odd", { Condition: { DateLessThan: { "aws:CurrentTime": "2099-01-01" } } });

  for (const RoleArn of [service, odd, `${own}x`, own.replace("role/", "role/path/")]) {
    assert.deepEqual(await refusal(stsOf(loopback).assumeRole({ RoleArn, RoleSessionName })), denied(account, RoleArn));
  }
  assert.deepEqual(await refusal(stranger.assumeRole({ RoleArn: own, RoleSessionName })), denied("444455556666", own));
  assert.deepEqual(
    await refusal(stranger.assumeRole({ RoleArn: guarded, RoleSessionName, ExternalId: "guess" })),
    denied("444455556666", guarded),
  );
  const { Credentials: across } = await stranger.assumeRole({
    RoleArn: guarded,
    RoleSessionName,
    ExternalId: "secret-word",
  });
  assert.equal((await stsOf(loopback, keysOf(across)).getCallerIdentity({})).Account, account);
  const Tags = [{ Key: "team", Value: "a" }];
  assert.deepEqual(
    await refusal(stsOf(loopback).assumeRole({ RoleArn: own, RoleSessionName, Tags })),
    denied(account, own, "sts:TagSession"),
  );
});

test("what AssumeRole is asked for is checked, in AWS's words", async () => {
  await using world = await open({ open: true });
  const { loopback } = world;
  const RoleArn = await createRole(loopback, "r", { Action: ["sts:AssumeRole", "sts:TagSession"] });
  const sts = stsOf(loopback);
  const assume = (further: object) => sts.assumeRole({ RoleArn, RoleSessionName: "session", ...further });

  for (const arn of [
    "nothing-valid-in-here",
    "arn::b:::something/test-role",
    "arn:a::::something/test-role",
    "arn:a:a::aaaaaaaaaa:",
  ]) {
    assert.deepEqual(await refusal(assume({ RoleArn: arn })), ["ValidationError", `${arn} is invalid`, 400]);
  }
  assert.deepEqual(await refusal(assume({ RoleSessionName: "Session1:2" })), [
    "ValidationError",
    "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: " +
      String.raw`Member must satisfy regular expression pattern: [\w+=,.@-]*`,
    400,
  ]);
  assert.deepEqual(await refusal(assume({ DurationSeconds: 3601 })), [
    "ValidationError",
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    400,
  ]);
  assert.equal((await refusal(assume({ DurationSeconds: 899 })))[0], "ValidationError");
  assert.deepEqual(
    await refusal(
      assume({
        Tags: [
          { Key: "a", Value: "" },
          { Key: "A", Value: "" },
        ],
      }),
    ),
    ["InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", 400],
  );
  assert.deepEqual(await refusal(assume({ TransitiveTagKeys: ["a"] })), [
    "InvalidParameterValue",
    "The specified transitive tag key must be included in the requested tags.",
    400,
  ]);
  assert.equal(
    (await refusal(assume({ SerialNumber: "arn:aws:iam::1:mfa/x", TokenCode: "123456" })))[0],
    "AccessDenied",
  );
  assert.equal((await refusal(assume({ Policy: "{}" })))[0], "MalformedPolicyDocument");
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action: "*", Resource: "*" } });
  assert((await assume({ Policy, Tags: [{ Key: "a", Value: "" }] })).PackedPolicySize);
  assert.equal(
    (await refusal(sts.assumeRoleWithWebIdentity({ RoleArn, RoleSessionName: "s-s", WebIdentityToken: "tokn" })))[0],
    "NotImplementedException",
  );
});

test("a session assumes further roles for an hour at most, and gets no session token", async () => {
  await using world = await open(keys);
  const { loopback } = world;
  const first = await createRole(loopback, "first", {}, { MaxSessionDuration: 43_200 });
  const second = await createRole(loopback, "second", { Principal: { AWS: first } }, { MaxSessionDuration: 43_200 });
  const RoleSessionName = "session";
  const { Credentials: long } = await stsOf(loopback).assumeRole({
    RoleArn: first,
    RoleSessionName,
    DurationSeconds: 43_200,
  });
  const chained = stsOf(loopback, keysOf(long));

  const { AssumedRoleUser } = await chained.assumeRole({ RoleArn: second, RoleSessionName });
  assert.equal(AssumedRoleUser?.Arn, `arn:aws:sts::${account}:assumed-role/second/session`);
  assert.equal(
    (await refusal(chained.assumeRole({ RoleArn: second, RoleSessionName, DurationSeconds: 3601 })))[1],
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
  );
  assert.deepEqual(await refusal(chained.getSessionToken({})), [
    "AccessDenied",
    "Cannot call GetSessionToken with session credentials",
    403,
  ]);
  const { Credentials: own } = await stsOf(loopback).getSessionToken({});
  assert.equal((await stsOf(loopback, keysOf(own)).getCallerIdentity({})).Arn, `arn:aws:iam::${account}:root`);
});
