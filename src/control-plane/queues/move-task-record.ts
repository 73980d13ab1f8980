/**
 * What is kept of a task that moves messages, and the handle by which its maker knows it: AWS's form, JSON in base64 with the
 * task's id and its source.
 */
import type { Key } from "../../engine/contract.ts";
import { queueArn, type QueueRef } from "./queue-record.ts";
import { invalidParameter } from "./refusals.ts";

export type MoveTaskStatus = "RUNNING" | "COMPLETED" | "CANCELLING" | "CANCELLED" | "FAILED";

export interface MoveTaskRecord {
  readonly id: string;
  readonly source: QueueRef;
  /** Without it every message goes back to where it came from. */
  readonly destinationArn?: string;
  readonly perSecondMax?: number;
  readonly status: MoveTaskStatus;
  readonly startedAtMs: number;
  readonly moved: number;
  readonly toMove: number;
  readonly failureReason?: string;
}

export const moveTasksPrefix: Key = ["sqs-move-task"];

export function tasksKey({ scope, name }: QueueRef): Key {
  return ["sqs-move-task", scope.account, scope.region, name];
}

export function taskKey({ source, id }: MoveTaskRecord): Key {
  const [first, ...others] = tasksKey(source);
  return [first, ...others, id];
}

export function handleOf({ id, source }: MoveTaskRecord): string {
  return Buffer.from(JSON.stringify({ taskId: id, sourceArn: queueArn(source) })).toString("base64");
}

export function parseHandle(handle: string): { readonly taskId: string; readonly sourceArn: string } {
  try {
    const parsed = JSON.parse(Buffer.from(handle, "base64").toString("utf8")) as {
      readonly taskId?: unknown;
      readonly sourceArn?: unknown;
    };
    if (typeof parsed.taskId === "string" && typeof parsed.sourceArn === "string") {
      return { taskId: parsed.taskId, sourceArn: parsed.sourceArn };
    }
  } catch {
    // Said below, as of every other handle that is none.
  }
  throw invalidParameter("Value for parameter TaskHandle is invalid.");
}
