import assert from "node:assert/strict";
import fc from "fast-check";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { ApiError } from "../../core/errors.ts";
import { ManualClock } from "../../core/manual-clock.ts";
import type { Authenticated, AuthPolicy, RequestOrigin } from "./authenticate.ts";
import { Authenticator } from "./authenticate.ts";
import { compactTime, parseSignature } from "./credential.ts";
import { Sessions } from "./sessions.ts";
import { canonicalRequest, sha256Hex } from "./sigv4.ts";

const clock = new ManualClock(Date.UTC(2026, 10, 21, 8, 0, 0));
const keys: AuthPolicy = { keys: new Map([["AKIDEXAMPLE", "secret"]]) };
const client: RequestOrigin = { kind: "client" };

interface Sending {
  readonly accessKeyId?: string;
  readonly secret?: string;
  readonly region?: string;
  readonly sessionToken?: string;
  readonly atMs?: number;
  readonly body?: string;
  readonly declared?: string;
  readonly signedHeaders?: string;
}

/** A request signed as a client would, without any of the code under test but the canonical form. */
function signed(sending: Sending = {}) {
  const { accessKeyId = "AKIDEXAMPLE", secret = "secret", region = "us-east-1", body = "" } = sending;
  const timestamp = compactTime(sending.atMs ?? clock.now());
  const date = timestamp.slice(0, 8);
  const headers: Record<string, string> = {
    host: "localhost:4566",
    "x-amz-date": timestamp,
    ...(sending.sessionToken !== undefined && { "x-amz-security-token": sending.sessionToken }),
    ...(sending.declared !== undefined && { "x-amz-content-sha256": sending.declared }),
  };
  const names = (sending.signedHeaders ?? Object.keys(headers).toSorted().join(";")).split(";");
  const request = {
    method: "POST",
    path: "/",
    query: "",
    headerValues: (name: string) => (headers[name] === undefined ? undefined : [headers[name]]),
  };
  const canonical = canonicalRequest(request, names, sending.declared ?? sha256Hex(body));
  const scope = `${date}/${region}/lambda/aws4_request`;
  const key = [date, region, "lambda", "aws4_request"].reduce<Buffer | string>(
    (previous, part) => createHmac("sha256", previous).update(part).digest(),
    `AWS4${secret}`,
  );
  const toSign = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256Hex(canonical)}`;
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  headers["authorization"] =
    `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...request, headers, parsed: parseSignature(headers, "") };
}

function refusal(policy: AuthPolicy, request: ReturnType<typeof signed>, origin = client, body = ""): string {
  try {
    new Authenticator(policy, clock).authenticate({ ...request, origin }).verifyBody?.(Buffer.from(body));
    return "accepted";
  } catch (error) {
    assert(error instanceof ApiError);
    return error.code;
  }
}

const unsigned = { ...signed(), headers: {}, parsed: { kind: "none" } as const };

test("without keys anybody is taken at their word, and a key of 12 digits is its own account", () => {
  const open = new Authenticator({ open: true }, clock);

  assert.deepEqual(open.authenticate({ ...unsigned, origin: client }).scope, {
    account: "000000000000",
    region: "us-east-1",
  });
  const { scope } = open.authenticate({
    ...signed({ accessKeyId: "123456789012", region: "eu-west-1", secret: "any" }),
    origin: client,
  });
  assert.deepEqual(scope, { account: "123456789012", region: "eu-west-1" });
  assert.equal(refusal({ open: true }, signed({ region: "nowhere" })), "InvalidSignatureException");
});

test("with keys only what is signed with one of them is served", () => {
  assert.equal(refusal(keys, signed()), "accepted");
  assert.equal(refusal(keys, signed({ body: "x" }), client, "x"), "accepted");
  assert.equal(refusal(keys, signed({ body: "x" }), client, "y"), "InvalidSignatureException");
  assert.equal(refusal(keys, signed({ secret: "other" })), "InvalidSignatureException");
  assert.equal(refusal(keys, signed({ accessKeyId: "AKIDOTHER" })), "UnrecognizedClientException");
  assert.equal(refusal(keys, signed({ sessionToken: "any" })), "UnrecognizedClientException");
  assert.equal(refusal(keys, unsigned), "MissingAuthenticationTokenException");
  assert.equal(refusal(keys, signed({ signedHeaders: "x-amz-date" })), "InvalidSignatureException");
  const incomplete = { ...signed(), parsed: parseSignature({ authorization: "AWS4-HMAC-SHA256 Credential=x" }, "") };
  assert.equal(refusal(keys, incomplete), "IncompleteSignatureException");
});

test("a declared payload hash is verified before the body comes, and then holds for the body", () => {
  const declared = sha256Hex("x");

  assert.equal(refusal(keys, signed({ declared }), client, "x"), "accepted");
  assert.equal(refusal(keys, signed({ declared }), client, "y"), "InvalidSignatureException");
  assert.equal(refusal(keys, signed({ declared: "UNSIGNED-PAYLOAD" }), client, "anything"), "accepted");
  const streaming = signed({ declared: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" });
  assert.equal(refusal(keys, streaming), "InvalidSignatureException");
  assert.throws(() =>
    new Authenticator(keys, clock).authenticate({ ...signed({ declared, secret: "other" }), origin: client }),
  );
});

test("a signature is valid for five minutes before and after", () => {
  const minute = 60_000;

  assert.equal(refusal(keys, signed({ atMs: clock.now() - 5 * minute })), "accepted");
  assert.equal(refusal(keys, signed({ atMs: clock.now() + 5 * minute })), "accepted");
  assert.throws(
    () =>
      new Authenticator(keys, clock).authenticate({ ...signed({ atMs: clock.now() - 6 * minute }), origin: client }),
    { message: "Signature expired: 20261121T075400Z is now earlier than 20261121T075500Z (20261121T080000Z - 5 min.)" },
  );
  assert.throws(
    () =>
      new Authenticator(keys, clock).authenticate({ ...signed({ atMs: clock.now() + 6 * minute }), origin: client }),
    {
      message:
        "Signature not yet current: 20261121T080600Z is still later than 20261121T080500Z (20261121T080000Z + 5 min.)",
    },
  );
});

test("a sandbox is served with its own credentials only, even where clients need none", () => {
  const identity = {
    accessKeyId: "ASIAENV1",
    secretAccessKey: "temporary",
    sessionToken: "token",
    account: "111122223333",
    functionArn: "arn:aws:lambda:us-east-1:111122223333:function:f",
  };
  const origin: RequestOrigin = { kind: "environment", environmentId: "env-1", identity };
  const own = { accessKeyId: "ASIAENV1", secret: "temporary", sessionToken: "token" };
  const open: AuthPolicy = { open: true };

  assert.equal(refusal(open, signed(own), origin), "accepted");
  const { scope, caller } = new Authenticator(open, clock).authenticate({ ...signed(own), origin });
  assert.deepEqual(scope, { account: "111122223333", region: "us-east-1" });
  assert.deepEqual(caller, { kind: "environment", environmentId: "env-1", functionArn: identity.functionArn });
  assert.equal(refusal(open, unsigned, origin), "MissingAuthenticationTokenException");
  assert.equal(refusal(open, signed(), origin), "UnrecognizedClientException");
  assert.equal(refusal(keys, signed(), origin), "UnrecognizedClientException");
  assert.equal(refusal(open, signed({ ...own, sessionToken: "tokem" }), origin), "UnrecognizedClientException");
  assert.equal(refusal(open, signed({ ...own, secret: "guess" }), origin), "InvalidSignatureException");
  assert.equal(refusal(open, signed(own), { ...origin, identity: undefined }), "UnrecognizedClientException");
  const expired = { ...identity, expiresAtMs: clock.now() };
  assert.equal(refusal(open, signed(own), { ...origin, identity: expired }), "ExpiredTokenException");
});

test("temporary credentials of STS are taken from clients and sandboxes alike, whole, unexpired and from no other key", () => {
  const sessions = new Sessions({ key: randomBytes(32), random: randomBytes, clock });
  const session = { account: "111122223333", arn: "arn:aws:sts::111122223333:assumed-role/r/s", userId: "AROA:s" };
  const { accessKeyId, secretAccessKey: secret, sessionToken } = sessions.issue(session, 900);
  const own = { accessKeyId, secret, sessionToken };
  const sandbox: RequestOrigin = { kind: "environment", environmentId: "env-1", identity: undefined };
  const outcome = (policy: AuthPolicy, sending: Sending, origin: RequestOrigin = client, known = sessions): unknown => {
    try {
      return new Authenticator(policy, clock, known).authenticate({ ...signed(sending), origin });
    } catch (error) {
      assert(error instanceof ApiError);
      return error.code;
    }
  };
  const others = new Sessions({ key: randomBytes(32), random: randomBytes, clock });
  const late = sessions.issue(session, -1);
  const expired = { ...late, secret: late.secretAccessKey };

  for (const [policy, origin] of [
    [{ open: true }, client],
    [keys, client],
    [keys, sandbox],
    [{ open: true }, sandbox],
  ] as const) {
    const { scope, caller } = outcome(policy, own, origin) as Authenticated;
    assert.deepEqual(scope, { account: "111122223333", region: "us-east-1" });
    assert.deepEqual(caller, { kind: "session", accessKeyId, session });
    assert.equal(outcome(policy, expired, origin), "ExpiredTokenException");
  }
  for (const origin of [client, sandbox]) {
    assert.equal(refusal(keys, signed(own), origin), "UnrecognizedClientException");
    assert.equal(outcome(keys, own, origin, others), "UnrecognizedClientException");
    assert.equal(outcome(keys, { ...own, accessKeyId: "ASIAOTHER" }, origin), "UnrecognizedClientException");
    assert.equal(
      outcome(keys, { ...own, sessionToken: `${sessionToken.slice(0, -4)}AAA=` }, origin),
      "UnrecognizedClientException",
    );
    const { verifyBody } = outcome(keys, { ...own, secret: "guess" }, origin) as Authenticated;
    assert.throws(() => verifyBody?.(Buffer.from("")), { code: "InvalidSignatureException" });
  }
});

test("no text is a session token but one that was given", () => {
  const sessions = new Sessions({ key: randomBytes(32), random: randomBytes, clock });
  const { sessionToken } = sessions.issue({ account: "111122223333", arn: "arn", userId: "id" }, 900);

  assert.equal(sessions.read(sessionToken)?.session.arn, "arn");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String({ maxLength: 400 })), (text) => {
      assert.equal(sessions.read(text), undefined);
    }),
  );
  const bytes = Buffer.from(sessionToken, "base64");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(sessions.read(changed.toString("base64")), undefined);
  }
  assert.equal(sessions.read("A".repeat(100_000)), undefined);
});
