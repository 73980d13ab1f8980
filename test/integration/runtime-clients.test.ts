/**
 * The HTTP clients of both bootstraps against a server that answers in every shape that HTTP allows: cut anywhere, chunked, after
 * closing an idle connection, refusing a response.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const project = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Each asks for /one and /two, then posts to /three and takes the answer for the next invocation, or asks for /four when it
 * is refused; and prints the bodies as a JSON array.
 */
const clients: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
  [
    "Node",
    join(project, `node_modules/node20-linux-${process.arch}/bin/node`),
    [
      "-e",
      `const { RuntimeApiClient } = require(${JSON.stringify(join(project, "runtimes/nodejs/bootstrap/lib/client.js"))});
      const client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API);
      const bodies = [];
      client.get("/one", ({ body, headers }) => {
        bodies.push(body, headers.get("x-name"));
        setTimeout(() => client.get("/two", ({ body }) => {
          bodies.push(body);
          client.postThenGet("/three", '"posted"', "/four", ({ body, status }) => {
            console.log(JSON.stringify([...bodies, body, status]));
          });
        }), 20);
      });`,
    ],
  ],
  [
    "Python",
    "/usr/bin/python3.11",
    [
      "-B",
      "-c",
      `import json, os, sys, time
sys.path.insert(0, ${JSON.stringify(join(project, "runtimes/python/bootstrap"))})
from hearth_runtime.client import RuntimeApiClient
client = RuntimeApiClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
one = client.get("/one")
time.sleep(0.02)
two = client.get("/two")
four = client.post_then_get("/three", b'"posted"', "application/json", "/four")
print(json.dumps([one.body.decode(), one.headers["x-name"], two.body.decode(), four.body.decode(), four.status]))`,
    ],
  ],
];

/** The bytes of the answer to a request for `path`. */
type Answer = (path: string) => string;

const plain: Answer = (path) => {
  const body = `body of ${path} with ü`;
  return `HTTP/1.1 200 OK\r\nX-Name: Zoë\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
const chunked: Answer = (path) => {
  const pieces = ["body ", `of ${path}`, " with ü"];
  const chunks = pieces.map((piece) => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`).join("");
  return `HTTP/1.1 200 OK\r\nx-name: Zoë\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
};

/** Refuses the response, so that the next invocation has to be asked for. */
const refusing: Answer = (path) =>
  path === "/three" ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno" : plain(path);

interface Behaviour {
  readonly answer: Answer;
  /** Bytes written at once; everything when undefined. */
  readonly pieceBytes?: number;
  /** Closes the connection after the first answer. */
  readonly closesOnce?: boolean;
}

async function serve(
  behaviour: Behaviour,
): Promise<{ address: string; requests: string[]; close: () => Promise<void> }> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let mayClose = behaviour.closesOnce === true;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    let received = "";
    let writing = Promise.resolve();
    const write = async (text: string): Promise<void> => {
      const bytes = Buffer.from(text);
      const step = behaviour.pieceBytes ?? bytes.length;
      for (let at = 0; at < bytes.length; at += step) {
        socket.write(bytes.subarray(at, at + step));
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (mayClose) socket.end();
      mayClose = false;
    };
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      received += data.toString();
      for (;;) {
        const request = /^(\w+) (\S+) HTTP\/1\.1\r\n([^]*?)\r\n\r\n/.exec(received);
        if (request === null) return;
        const length = Number(/content-length: (\d+)/i.exec(request[3] ?? "")?.[1] ?? 0);
        if (received.length < request[0].length + length) return;
        const body = received.slice(request[0].length, request[0].length + length);
        received = received.slice(request[0].length + length);
        requests.push(`${request[1]} ${request[2]} ${body}`.trim());
        const text = behaviour.answer(request[2] ?? "");
        writing = writing.then(() => write(text));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const behaviours: readonly (readonly [title: string, behaviour: Behaviour])[] = [
  ["whole answers", { answer: plain }],
  ["answers in single bytes", { answer: plain, pieceBytes: 1 }],
  ["answers cut within characters and heads", { answer: plain, pieceBytes: 7 }],
  ["a refused response", { answer: refusing }],
  ["chunked answers", { answer: chunked }],
  ["chunked answers in single bytes", { answer: chunked, pieceBytes: 1 }],
  ["a server that closes the idle connection", { answer: plain, closesOnce: true }],
];

for (const [name, program, args] of clients) {
  for (const [title, behaviour] of behaviours) {
    test(`the ${name} client understands ${title}`, { timeout: 20_000 }, async () => {
      const server = await serve(behaviour);
      try {
        const { stdout } = await promisify(execFile)(program, args, {
          env: { ...process.env, AWS_LAMBDA_RUNTIME_API: server.address },
        });
        assert.deepEqual(JSON.parse(stdout), [
          "body of /one with ü",
          "Zoë",
          "body of /two with ü",
          behaviour.answer === refusing ? "body of /four with ü" : "body of /three with ü",
          200,
        ]);
        // One that crossed with the closing of the connection is sent again.
        const requests = server.requests.filter((request, index, all) => request !== all[index - 1]);
        const afterRefusal = behaviour.answer === refusing ? ["GET /four"] : [];
        assert.deepEqual(requests, ["GET /one", "GET /two", 'POST /three "posted"', ...afterRefusal]);
      } finally {
        await server.close();
      }
    });
  }
}
