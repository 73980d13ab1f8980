/**
 * The thread that owns one database for writing. It takes every call that has arrived while it was busy, runs them as
 * one transaction, and answers in their order.
 */
import { flushCompileCache } from "node:module";
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { invariant, unreachable } from "../../core/invariant.ts";
import { DataDirectoryError } from "../errors.ts";
import { openStore, type Store } from "./store.ts";
import { toFailure } from "./group-commit.ts";
import type { Call, FromThread, ThreadSettings, ToThread } from "./protocol.ts";

/** Calls that share one transaction; those behind them take the next. */
const groupCallsMax = 1024;

const port = parentPortOfThread();
const answer = (message: FromThread): void => port.postMessage(message);

let store: Store | undefined;

try {
  store = openStore(workerData as ThreadSettings);
  // The process may give up the right to write it once the engine is open.
  flushCompileCache();
  answer({ kind: "opened" });
} catch (error) {
  answer({ kind: "refused", failure: toFailure(error), isDirectoryError: error instanceof DataDirectoryError });
  port.close();
}

port.on("message", (first: ToThread) => {
  const calls: Call[] = [];
  for (let message: ToThread | undefined = first; message; message = next()) {
    switch (message.kind) {
      case "calls":
        calls.push(...message.calls);
        break;
      case "close":
        runAll(calls.splice(0));
        store?.close();
        port.close();
        return;
      default:
        unreachable(message);
    }
    if (calls.length >= groupCallsMax) break;
  }
  runAll(calls);
});

function parentPortOfThread(): MessagePort {
  invariant(parentPort, "the module runs in a worker thread");
  return parentPort;
}

/** What has arrived already, without waiting. */
function next(): ToThread | undefined {
  return receiveMessageOnPort(port)?.message;
}

function runAll(calls: readonly Call[]): void {
  if (calls.length === 0 || !store) return;
  answer({ kind: "outcomes", outcomes: store.run(calls) });
  store.tidy();
}
