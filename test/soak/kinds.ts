/**
 * The functions of a soak. All do what their event says, each kind in another language or from another start: from the
 * pool, with variables that need a start of its own, behind an allow-list of its own, or with an init that fails at times.
 */
import type { CreateFunctionCommandInput } from "@aws-sdk/client-lambda";

/** What an invocation does; only the first five answer. */
export const deeds = [
  "answer",
  "wait",
  "print",
  "leave a process",
  "leave a connection",
  "throw",
  "exit",
  "die",
  "sleep",
  "take memory",
] as const;
export type Deed = (typeof deeds)[number];

export interface SoakEvent {
  readonly deed: Deed;
  /** The answer: nobody gets another's. */
  readonly id: number;
  /** Of `wait`. */
  readonly ms?: number;
}

export const timeoutSeconds = 2;
/** A security group of the soak's Hearth, whose functions are restricted by a list of their own. */
export const securityGroup = "sg-50a4";
/** Answers nobody: what connects there goes on trying. */
export const unansweredRange = "192.0.2.0/24";
const unansweredAddress = "192.0.2.1";

/** Of processes and of connections that one environment leaves behind: they are its memory. */
const leftMax = 3;

const nodeHandler = {
  "index.mjs": `
    import { spawn } from "node:child_process";
    import { connect } from "node:net";
    import { setTimeout } from "node:timers/promises";
    if (process.env.MOODY && Math.random() < 0.3) throw new Error("in a bad mood");
    const left = { processes: 0, connections: [], memory: [] };
    export const handler = async ({ deed, id, ms }) => {
      switch (deed) {
        case "answer": return id;
        case "wait": await setTimeout(ms); return id;
        case "print": console.log("x".repeat(100_000)); return id;
        case "leave a process": {
          if (left.processes++ < ${leftMax}) spawn("sleep", ["3600"], { detached: true, stdio: "ignore" }).unref();
          return id;
        }
        case "leave a connection": {
          if (left.connections.length < ${leftMax}) left.connections.push(connect(9, "${unansweredAddress}").on("error", () => {}));
          return id;
        }
        case "throw": throw new TypeError("intentional");
        case "exit": process.exit(3);
        case "die": process.kill(process.pid, "SIGKILL"); await setTimeout(60_000); break;
        case "sleep": await setTimeout(60_000); break;
        case "take memory": for (;;) { left.memory.push(Buffer.alloc(8 << 20, 1)); await setTimeout(0); }
      }
    };`,
};

const pythonHandler = {
  "app.py": `
import os, signal, socket, subprocess, sys, time
left = {"processes": 0, "connections": [], "memory": []}
def handler(event, context):
    deed, id = event["deed"], event["id"]
    if deed == "wait":
        time.sleep(event["ms"] / 1000)
    elif deed == "print":
        print("x" * 100_000)
    elif deed == "leave a process":
        left["processes"] += 1
        if left["processes"] <= ${leftMax}:
            subprocess.Popen(["sleep", "3600"], start_new_session=True)
    elif deed == "leave a connection":
        if len(left["connections"]) < ${leftMax}:
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("${unansweredAddress}", 9))
            left["connections"].append(connection)
    elif deed == "throw":
        raise TypeError("intentional")
    elif deed == "exit":
        os._exit(3)
    elif deed == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "sleep":
        time.sleep(60)
    elif deed == "take memory":
        while True:
            left["memory"].append(b"1" * (8 << 20))
    return id
`,
};

export interface Kind {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly settings: Partial<CreateFunctionCommandInput>;
  /** Its init fails at times, and then its invocations with it. */
  readonly isMoody?: boolean;
}

const node = { Timeout: timeoutSeconds, MemorySize: 128 } as const;

export const kinds: readonly [Kind, ...Kind[]] = [
  { name: "node", files: nodeHandler, settings: node },
  {
    name: "python",
    files: pythonHandler,
    settings: { ...node, Runtime: "python3.11", Handler: "app.handler" },
  },
  {
    name: "unpooled",
    files: nodeHandler,
    settings: { ...node, Environment: { Variables: { NODE_OPTIONS: "--no-warnings" } } },
  },
  {
    name: "restricted",
    files: nodeHandler,
    settings: { ...node, VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: [securityGroup] } },
  },
  {
    name: "moody",
    files: nodeHandler,
    settings: { ...node, Environment: { Variables: { MOODY: "1" } } },
    isMoody: true,
  },
];

/** How an invocation that does not answer may fail; a machine that is very slow makes any of them time out. */
export const failuresOf: Readonly<Partial<Record<Deed, readonly string[]>>> = {
  throw: ["TypeError"],
  exit: ["Runtime.ExitError"],
  die: ["Runtime.ExitError"],
  sleep: ["Sandbox.Timedout"],
  "take memory": ["Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError"],
};
