/** An extension for tests: speaks the Extensions API of a fake sandbox as a real one would, well or badly. */
import type { FakeCommand, FakeProcess } from "../../sandbox/fake/scripted-process.ts";
import { runtimeApiPort } from "../runtime-api/wire.ts";
import { eventNextPath, exitErrorPath, initErrorPath, registerPath, telemetryPath } from "../extensions/wire.ts";
import { RuntimeClient, type ClientAnswer } from "./runtime-client.ts";

export class ExtensionClient {
  readonly #client: RuntimeClient;
  readonly name: string;
  id = "";

  constructor(client: RuntimeClient, name: string) {
    this.#client = client;
    this.name = name;
  }

  static of(process: FakeProcess, name: string): ExtensionClient {
    return new ExtensionClient(new RuntimeClient(process.portOf(runtimeApiPort), process.killed), name);
  }

  async register(events: readonly string[], headers: Readonly<Record<string, string>> = {}): Promise<ClientAnswer> {
    const answer = await this.#client.call("POST", registerPath, JSON.stringify({ events }), {
      "Lambda-Extension-Name": this.name,
      ...headers,
    });
    this.id = String(answer.headers["lambda-extension-identifier"] ?? this.id);
    return answer;
  }

  async next(): Promise<Readonly<Record<string, unknown>>> {
    const { body } = await this.call("GET", eventNextPath);
    return JSON.parse(body.toString("utf8")) as Readonly<Record<string, unknown>>;
  }

  subscribe(body: unknown): Promise<ClientAnswer> {
    return this.call("PUT", telemetryPath, JSON.stringify(body));
  }

  failInit(errorType: string): Promise<ClientAnswer> {
    return this.call("POST", initErrorPath, "{}", { "Lambda-Extension-Function-Error-Type": errorType });
  }

  failExit(errorType: string): Promise<ClientAnswer> {
    return this.call("POST", exitErrorPath, "{}", { "Lambda-Extension-Function-Error-Type": errorType });
  }

  call(
    method: string,
    path: string,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ClientAnswer> {
    return this.#client.call(method, path, body, { "Lambda-Extension-Identifier": this.id, ...headers });
  }
}

/** An extension that listens to both events, gives each to `onEvent`, and ends when it is told to. */
export function extension(
  name: string,
  onEvent: (event: Readonly<Record<string, unknown>>, process: FakeProcess) => Promise<void> | void = () => undefined,
): FakeCommand {
  return async (process) => {
    const client = ExtensionClient.of(process, name);
    await client.register(["INVOKE", "SHUTDOWN"]);
    for (;;) {
      const event = await client.next();
      await onEvent(event, process);
      if (event["eventType"] === "SHUTDOWN") return;
    }
  };
}
