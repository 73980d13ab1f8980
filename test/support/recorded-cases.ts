/** What was answered to the calls of a recorded case, against what AWS answered. */
import { answeredError, compareAnswers, plainRecorded, Placeholders, type Difference } from "./recorded-answers.ts";
import type { Outcome } from "./recorded-clients.ts";
import type { RecordedCase } from "./recordings.ts";

/** One recorded answer, and how ours compares with it. */
export interface AnswerReport {
  readonly name: string;
  readonly keys: number;
  readonly differences: readonly Difference[];
}

export interface CaseReport {
  readonly id: string;
  readonly answers: readonly AnswerReport[];
  /** Recorded answers to which no call leads here: the trace lacks it, or what it names only the recording knew. */
  readonly unreachable: readonly string[];
}

/** The recorded tests slept after these, to see what visibility does. */
export const sleptAfterMs: Readonly<Record<string, number>> = { ChangeMessageVisibility: 2000 };

/** `outcomes` are those of the calls, in their order. */
export function compareCase(recorded: RecordedCase, outcomes: readonly (Outcome | undefined)[]): CaseReport {
  const placeholders = new Placeholders();
  const answers: AnswerReport[] = [];
  const reached = new Set<string>();
  let from = 0;
  for (const { key, call, after } of recorded.matches) {
    const expected = plainRecorded(recorded.expected[key]);
    const candidates = call === null ? range(from, after) : [call];
    const best = candidates
      .flatMap((index) => shownOf(outcomes[index], expected).map((shown) => ({ index, shown })))
      .map(({ index, shown }) => ({ index, shown, misses: missesOf(expected, shown, placeholders) }))
      .toSorted((a, b) => a.misses - b.misses)[0];
    if (best === undefined) continue;
    from = best.index + 1;
    reached.add(key);
    answers.push({ name: key, ...compareAnswers(expected, best.shown, placeholders) });
  }
  const unreachable = Object.keys(recorded.expected).filter((key) => !reached.has(key));
  return { id: recorded.id, answers, unreachable };
}

function missesOf(expected: unknown, shown: unknown, placeholders: Placeholders): number {
  return compareAnswers(expected, shown, placeholders.copy()).differences.length;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from, 0) }, (_, index) => from + index);
}

/** The whole, and what is in it: of an answer with messages or attributes, some tests noted one of them alone. */
function shownOf(outcome: Outcome | undefined, expected: unknown): unknown[] {
  if (outcome === undefined) return [];
  if ("error" in outcome) return [answeredError(outcome.error, expected)];
  const { ResponseMetadata: _, ...members } = outcome.output as Record<string, unknown>;
  const hasMetadata = typeof expected === "object" && expected !== null && "ResponseMetadata" in expected;
  return [
    hasMetadata ? outcome.output : members,
    ...Object.values(members["Messages"] ?? {}),
    ...Object.values(members["Attributes"] ?? {}),
  ];
}
