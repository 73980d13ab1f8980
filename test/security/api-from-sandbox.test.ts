/**
 * Calls to Hearth's endpoint from function code: a sandbox may call with the temporary credentials of its own environment
 * and with nothing else, and what the front answers beside the API is not for it.
 */
import { DeleteFunctionCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createConnection } from "node:net";
import { after, before, test } from "node:test";

import { instanceOf } from "../../src/roles/instance.ts";
import { createFunction, invoke, randomName } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const account = "111111111111";
const otherAccount = "222222222222";

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

type Call = "list" | "get" | "invoke" | "identity" | "describe-logs";

/** What the function met: the answer, or the error as the SDK gives it. */
interface Met {
  readonly answer?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly status: number };
}

/** Does from inside what its event says. */
const agent = {
  "index.mjs": `
    import * as lambda from "@aws-sdk/client-lambda";
    import * as logs from "@aws-sdk/client-cloudwatch-logs";
    import * as sts from "@aws-sdk/client-sts";
    import { connect } from "node:net";
    import { text } from "node:stream/consumers";

    const calls = {
      list: ({ credentials }) => new lambda.LambdaClient({ credentials }).send(new lambda.ListFunctionsCommand({})),
      get: ({ credentials, name }) => new lambda.LambdaClient({ credentials }).send(new lambda.GetFunctionCommand({ FunctionName: name })),
      invoke: async ({ credentials, name }) => {
        const { Payload } = await new lambda.LambdaClient({ credentials }).send(new lambda.InvokeCommand({ FunctionName: name, Payload: "{}" }));
        return Buffer.from(Payload).toString();
      },
      identity: ({ credentials }) => new sts.STSClient({ credentials }).send(new sts.GetCallerIdentityCommand({})),
      "describe-logs": ({ credentials }) => new logs.CloudWatchLogsClient({ credentials }).send(new logs.DescribeLogGroupsCommand({})),
    };

    export const handler = async (event) => {
      if (event.whoami) {
        const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = process.env;
        return { accessKeyId, secretAccessKey, sessionToken };
      }
      if (event.fetch) {
        const answer = await fetch("http://127.0.0.1:4566" + event.fetch);
        return { status: answer.status, text: await answer.text() };
      }
      if (event.bytes) {
        const socket = connect(4566, "127.0.0.1");
        socket.on("error", () => undefined);
        socket.write(event.bytes);
        return text(socket).catch((error) => error.code);
      }
      try {
        return { answer: await calls[event.call](event) };
      } catch (error) {
        return { error: { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode } };
      }
    };`,
};

let hearth: RunningHearth;
let lambda: LambdaClient;
let stranger: LambdaClient;
let caller: string;
let neighbour: string;
let foreigner: string;

const agentSettings = { MemorySize: 512, Timeout: 30 };

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda({ accessKeyId: account });
  stranger = hearth.lambda({ accessKeyId: otherAccount });
  [caller, neighbour, foreigner] = await Promise.all([
    createFunction(lambda, agent, { ...agentSettings, Role: `arn:aws:iam::${account}:role/service/caller-role` }),
    createFunction(lambda, agent, agentSettings),
    createFunction(stranger, agent, agentSettings),
  ]);
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

async function run(name: string, event: object, client = lambda): Promise<unknown> {
  const { payload, functionError, log } = await invoke(client, name, event);
  assert.equal(functionError, undefined, log);
  return payload;
}

async function callFrom(name: string, call: Call, event: object = {}, client = lambda): Promise<Met> {
  return (await run(name, { call, ...event }, client)) as Met;
}

async function credentialsOf(name: string, client = lambda): Promise<Credentials> {
  return (await run(name, { whoami: true }, client)) as Credentials;
}

/** STS has a name of its own for it, and CloudWatch Logs its protocol's one status for whatever is the caller's fault. */
function assertInvalidToken({ error, answer }: Met): void {
  assert.equal(answer, undefined);
  assert.match(error?.name ?? "", /^(UnrecognizedClientException|InvalidClientTokenId)$/);
  assert(error !== undefined);
  assert.equal(error.message, "The security token included in the request is invalid.");
  assert(error.status === 403 || error.status === 400, String(error.status));
}

test("a function calls the API with its own credentials, of every service", async () => {
  const list = (await callFrom(caller, "list")).answer as { Functions: { FunctionName: string }[] };
  const invoked = await callFrom(caller, "invoke", { name: neighbour });
  const logs = (await callFrom(caller, "describe-logs")).answer as { logGroups: { logGroupName: string }[] };

  assert.deepEqual(
    new Set(list.Functions.map(({ FunctionName }) => FunctionName)),
    new Set([caller, neighbour]),
    "its own account's, and no other's",
  );
  assert.match(String(invoked.answer), /^\{"error":/, "it ran: it was asked for no call that it knows");
  for (const { logGroupName } of logs.logGroups) {
    assert(
      [caller, neighbour].some((name) => logGroupName === `/aws/lambda/${name}`),
      logGroupName,
    );
  }
});

test("a function is a session of its role", async () => {
  const { answer } = await callFrom(caller, "identity");

  const { Account, Arn, UserId } = answer as Record<string, string>;
  assert.equal(Account, account);
  assert.equal(Arn, `arn:aws:sts::${account}:assumed-role/caller-role/${caller}`);
  assert.match(UserId ?? "", new RegExp(`^AROA[A-Z0-9]{17}:${caller}$`));
});

test("an unsigned call is refused, also where the host's own clients need no signature", async () => {
  const inside = (await run(caller, { fetch: "/2015-03-31/functions/" })) as { status: number; text: string };
  const outside = await fetch(`${hearth.endpoint}/2015-03-31/functions/`);

  assert.equal(inside.status, 403);
  assert.match(inside.text, /Missing Authentication Token/);
  assert.equal(outside.status, 200);
});

for (const [what, credentials] of [
  ["those that any client of the host may use", { accessKeyId: "test", secretAccessKey: "test" }],
  ["the number of another account", { accessKeyId: otherAccount, secretAccessKey: "test" }],
  [
    "made-up temporary ones",
    { accessKeyId: "ASIAQWERTYUIOPASDFGH", secretAccessKey: "s".repeat(40), sessionToken: "t" },
  ],
] as const) {
  test(`foreign credentials are refused: ${what}`, async () => {
    for (const call of ["list", "identity", "describe-logs"] as const) {
      assertInvalidToken(await callFrom(caller, call, { credentials }));
    }
  });
}

test("another environment's credentials are refused, of the same account or of another, while it lives and when it is gone", async () => {
  const leaving = await createFunction(lambda, agent, agentSettings);
  const [own, ofNeighbour, ofForeigner, ofLeaving] = await Promise.all([
    credentialsOf(caller),
    credentialsOf(neighbour),
    credentialsOf(foreigner, stranger),
    credentialsOf(leaving),
  ]);
  await lambda.send(new DeleteFunctionCommand({ FunctionName: leaving }));

  for (const credentials of [ofNeighbour, ofForeigner, ofLeaving]) {
    assert.notEqual(credentials.accessKeyId, own.accessKeyId);
    assertInvalidToken(await callFrom(caller, "list", { credentials }));
    assertInvalidToken(await callFrom(caller, "invoke", { credentials, name: neighbour }));
  }
});

test("one's own key with a wrong secret, or without its token, is refused", async () => {
  const { accessKeyId, secretAccessKey, sessionToken } = await credentialsOf(caller);

  const wrongSecret = await callFrom(caller, "list", {
    credentials: { accessKeyId, secretAccessKey: `${secretAccessKey}x`, sessionToken },
  });
  const noToken = await callFrom(caller, "list", { credentials: { accessKeyId, secretAccessKey } });

  assert.equal(wrongSecret.error?.name, "InvalidSignatureException");
  assertInvalidToken(noToken);
});

test("each environment has credentials of its own, also of one function", async () => {
  const name = await createFunction(lambda, agent, agentSettings);
  const first = await credentialsOf(name);
  await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
  await createFunction(lambda, agent, { ...agentSettings, FunctionName: name });

  const second = await credentialsOf(name);

  assert.notEqual(second.accessKeyId, first.accessKeyId);
  assertInvalidToken(await callFrom(name, "list", { credentials: first }));
});

test("a function cannot see, read or call what another account has", async () => {
  const arn = `arn:aws:lambda:us-east-1:${otherAccount}:function:${foreigner}`;

  for (const call of ["get", "invoke"] as const) {
    const byName = await callFrom(caller, call, { name: foreigner });
    const byArn = await callFrom(caller, call, { name: arn });
    const absent = await callFrom(caller, call, { name: arn.replace(foreigner, randomName("absent")) });

    assert.equal(byName.error?.name, "ResourceNotFoundException");
    assert.equal(byArn.error?.name, "AccessDeniedException");
    assert.equal(absent.error?.name, "AccessDeniedException", "nor learn whether it is there");
  }
});

test("health and Hearth's own routes are not for functions", async () => {
  for (const path of [
    "/_health",
    "/_localstack/health",
    "/_hearth/environments",
    "/_hearth/backup",
    "/_hearth/code/x",
  ]) {
    const { status, text } = (await run(caller, { fetch: path })) as { status: number; text: string };
    assert(status >= 400 && status < 500, `${path}: ${status}`);
    assert.doesNotMatch(text, /environments|worker|version|status/, path);
  }
});

test("who calls cannot be forged by writing the line that names the environment", async () => {
  const answer = (await run(caller, {
    bytes: "HEARTH/1 another\nGET /2015-03-31/functions/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  })) as string;

  assert.match(answer, /^(HTTP\/1\.1 400 |ECONN|$)/);
});

test("nor does a client of the host become a function that way, and the socket for functions is not open to it", async () => {
  const socket = createConnection({ host: "127.0.0.1", port: Number(new URL(hearth.endpoint).port) });
  socket.end("HEARTH/1 another\nGET /_health HTTP/1.1\r\nHost: x\r\n\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  const { frontSocket, workerSocket } = instanceOf(hearth.dataDirectory);

  assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
  // Connecting takes the right to write.
  for (const path of [frontSocket, workerSocket]) assert.equal(statSync(path).mode & 0o022, 0, path);
});
