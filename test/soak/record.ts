/** What a soak's clients got, by kind, and what they may not get. Pure. */
import { failuresOf, type Deed } from "./kinds.ts";

/** Each has to have happened before a soak is over. */
const wanted = [
  "answered",
  "failed as told",
  "timed out",
  "out of memory",
  "throttled",
  "gone away",
  "event accepted",
  "created",
  "deleted while invoked",
  "updated while invoked",
  "provisioned",
  "worker killed",
] as const;

/** Besides, these may. */
type Happening =
  | (typeof wanted)[number]
  | "not found"
  | "in conflict"
  | "failed in a bad mood"
  | "lost with the worker";

export interface Outcome {
  readonly deed: Deed;
  readonly id: number;
  readonly isMoody: boolean;
  readonly payload: unknown;
  readonly functionError: string | undefined;
}

export class SoakRecord {
  readonly #counts = new Map<Happening, number>();
  readonly violations: string[] = [];

  note(what: Happening): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** What has not happened yet. */
  get outstanding(): readonly string[] {
    return wanted.filter((each) => !this.#counts.has(each));
  }

  answered(outcome: Outcome): void {
    const happening = happeningOf(outcome);
    if (happening !== undefined) return this.note(happening);
    const { deed, payload, functionError } = outcome;
    this.violations.push(`${deed} got ${functionError ?? "an answer"}: ${JSON.stringify(payload)}`);
  }

  /** `mayBeLost`: a worker was killed meanwhile. */
  refused(name: string, status: number | undefined, message: string, mayBeLost: boolean): void {
    if (status === 429) this.note("throttled");
    else if (status === 404) this.note("not found");
    else if (status === 409) this.note("in conflict");
    else if (mayBeLost) this.note("lost with the worker");
    else this.violations.push(`refused with ${status ?? "nothing"}: ${name}: ${message}`);
  }

  summary(): string {
    return [...this.#counts].map(([what, count]) => `${count} ${what}`).join(", ");
  }
}

/** Undefined of what may not be. */
function happeningOf({ deed, id, isMoody, payload, functionError }: Outcome): Happening | undefined {
  if (functionError === undefined) return payload === id && failuresOf[deed] === undefined ? "answered" : undefined;
  const { errorType = "", errorMessage } = payload as { readonly errorType?: string; readonly errorMessage?: string };
  if (isMoody && errorMessage === "in a bad mood") return "failed in a bad mood";
  if (errorType === "Sandbox.Timedout") return "timed out";
  if (failuresOf[deed]?.includes(errorType) !== true) return undefined;
  return errorType === "Runtime.OutOfMemory" ? "out of memory" : "failed as told";
}
