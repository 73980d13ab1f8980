import { Lambda } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Signature } from "./credential.ts";
import { parseSignature } from "./credential.ts";
import type { SignedRequest } from "./sigv4.ts";
import { canonicalRequest, sha256Hex, SignatureVerifier } from "./sigv4.ts";

/** AWS's published test suite: https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html */
const suite = { accessKeyId: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

function requestOf(method: string, path: string, query: string, headers: Record<string, string>): SignedRequest {
  return {
    method,
    path,
    query,
    headerValues: (name) => (headers[name] === undefined ? undefined : [headers[name]]),
  };
}

function suiteSignature(signedHeaders: string, signature: string): Signature {
  const parsed = parseSignature(
    {
      authorization:
        `AWS4-HMAC-SHA256 Credential=${suite.accessKeyId}/20150830/us-east-1/service/aws4_request, ` +
        `SignedHeaders=${signedHeaders}, Signature=${signature}`,
      "x-amz-date": "20150830T123600Z",
    },
    "",
  );
  assert(parsed.kind === "signed");
  return parsed.signature;
}

const host = { host: "example.amazonaws.com", "x-amz-date": "20150830T123600Z" };

const vectors: readonly (readonly [string, SignedRequest, string])[] = [
  ["get-vanilla", requestOf("GET", "/", "", host), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  [
    "get-vanilla-query-order-key-case",
    requestOf("GET", "/", "Param2=value2&Param1=value1", host),
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "post-vanilla",
    requestOf("POST", "/", "", host),
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  ],
  [
    "normalize-path/get-relative-relative",
    requestOf("GET", "/example1/example2/../..", "", host),
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
];

for (const [name, request, expected] of vectors) {
  test(`AWS's test vector ${name} has the published signature`, () => {
    const signature = suiteSignature("host;x-amz-date", expected);

    assert(new SignatureVerifier().matches(request, signature, suite.secret, sha256Hex("")));
    assert(!new SignatureVerifier().matches(request, signature, `${suite.secret}x`, sha256Hex("")));
  });
}

test("the canonical request folds spaces, sorts the query and encodes the path once more", () => {
  const request = requestOf("GET", "/a%3Ab//c/./d/../e f", "b=2&a=%20x&a=1&c", { host: "  h   x ", "x-amz-date": "d" });

  assert.equal(
    canonicalRequest(request, ["host", "x-amz-date"], "hash"),
    "GET\n/a%253Ab/c/e%20f\na=%20x&a=1&b=2&c=\nhost:h x\nx-amz-date:d\n\nhost;x-amz-date\nhash",
  );
});

test("what the SDK's own signer signs is verified, and a changed byte is not", async () => {
  const sent: { method: string; path: string; headers: Record<string, string>; body?: Uint8Array | string }[] = [];
  const client = new Lambda({
    region: "eu-west-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: suite.secret, sessionToken: "token/+=" },
    endpoint: "http://127.0.0.1:4566",
    maxAttempts: 1,
    requestHandler: {
      handle(request: (typeof sent)[number]) {
        sent.push(request);
        return Promise.reject(new Error("not sent"));
      },
    },
  });
  await assert.rejects(
    client.invoke({
      FunctionName: "arn:aws:lambda:eu-west-1:123456789012:function:a b",
      Qualifier: "$LATEST",
      Payload: Buffer.from('{"é":1}'),
    }),
  );
  const [request] = sent;
  assert(request !== undefined);
  const query = "Qualifier=%24LATEST";
  const parsed = parseSignature(request.headers, query);
  assert(parsed.kind === "signed");
  const { signature } = parsed;
  const hash = sha256Hex(Buffer.from('{"é":1}'));
  const verifier = new SignatureVerifier();

  assert.equal(signature.sessionToken, "token/+=");
  assert.equal(request.headers["x-amz-content-sha256"], hash);
  assert(
    verifier.matches(requestOf(request.method, request.path, query, request.headers), signature, suite.secret, hash),
  );
  assert(!verifier.matches(requestOf("GET", request.path, query, request.headers), signature, suite.secret, hash));
  assert(
    !verifier.matches(requestOf("POST", `${request.path}x`, query, request.headers), signature, suite.secret, hash),
  );
  assert(!verifier.matches(requestOf("POST", request.path, "", request.headers), signature, suite.secret, hash));
  assert(
    !verifier.matches(requestOf("POST", request.path, query, request.headers), signature, suite.secret, sha256Hex("")),
  );
});
