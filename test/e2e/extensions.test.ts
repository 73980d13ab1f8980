/** A public extension, unchanged, in a layer: it wraps the runtime, follows its logs and reports what it saw. */
import { PublishLayerVersionCommand } from "@aws-sdk/client-lambda";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { createFunction, invoke } from "../support/functions.ts";
import { startHearth, type RunningHearth } from "../support/hearth.ts";

const extensionArchive = createRequire(import.meta.url).resolve(
  "@serverless/aws-lambda-otel-extension-dist/extension.zip",
);

let hearth: RunningHearth;

before(async () => {
  hearth = await startHearth();
});

after(async () => {
  await hearth[Symbol.asyncDispose]();
});

/** Takes the extension's reports, and answers with what came since the environment started. */
const handler = `
  const { createServer } = require("node:http");
  const reports = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      reports.push({ path: request.url, named: body.includes(process.env.AWS_LAMBDA_FUNCTION_NAME) });
      response.end("{}");
    });
  }).listen(9990);
  exports.handler = async () => ({ reports });
`;

test("an OpenTelemetry extension of npm reports traces and metrics of the function that it comes with", async () => {
  const lambda = hearth.lambda();
  const { LayerVersionArn = "" } = await lambda.send(
    new PublishLayerVersionCommand({ LayerName: "otel", Content: { ZipFile: await readFile(extensionArchive) } }),
  );
  const name = await createFunction(
    lambda,
    { "index.js": handler },
    {
      // Its wrapper makes handlers with callbacks, which Node 24 refuses on Lambda too.
      Runtime: "nodejs20.x",
      MemorySize: 512,
      Timeout: 20,
      Layers: [LayerVersionArn],
      Environment: {
        Variables: {
          AWS_LAMBDA_EXEC_WRAPPER: "/opt/otel-extension/otel-handler",
          SLS_OTEL_REPORT_METRICS_URL: "http://127.0.0.1:9990/metrics",
          SLS_OTEL_REPORT_TRACES_URL: "http://127.0.0.1:9990/traces",
        },
      },
    },
  );

  // What is reported of an invocation is there when the next one is over, at the latest.
  const answers = [await invoke(lambda, name), await invoke(lambda, name), await invoke(lambda, name)];

  for (const { functionError, payload } of answers) assert.equal(functionError, undefined, JSON.stringify(payload));
  const { reports = [] } = (answers[2]?.payload ?? {}) as {
    readonly reports?: readonly { readonly path: string; readonly named: boolean }[];
  };
  const named = reports.filter((report) => report.named).map(({ path }) => path);
  assert.deepEqual([...new Set(named)].toSorted(), ["/metrics", "/traces"]);
});
