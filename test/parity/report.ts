/** The figures of a run, as text and as data. */
import type { Grouping } from "./groups.ts";
import type { CaseReport } from "../support/recorded-cases.ts";

export interface GroupedCase extends CaseReport {
  readonly grouping: Grouping;
}

export interface Figures {
  readonly cases: number;
  readonly answers: number;
  /** Answers without a difference. */
  readonly matchedAnswers: number;
  readonly keys: number;
  readonly matchedKeys: number;
  readonly unreachable: number;
}

export interface Miss {
  readonly case: string;
  readonly answer: string;
  readonly differences: readonly string[];
  /** Undefined: nobody has looked into it. */
  readonly reason: string | undefined;
}

export interface Report {
  readonly service: string;
  readonly recorded: { readonly first: string; readonly last: string };
  readonly groups: Readonly<Record<string, Figures>>;
  /** Of the cases that need nothing that is not here. */
  readonly misses: readonly Miss[];
  /** Of all other cases, for information. */
  readonly otherMisses: readonly Miss[];
}

/** `test_lambda_url[x]` of `lambda_/test_lambda.py::TestLambdaURL::test_lambda_url[x]`. */
export function shortName(id: string): string {
  return id.replace(/^.*::/, "");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function figuresOf(cases: readonly GroupedCase[]): Figures {
  const answers = cases.flatMap((each) => each.answers);
  const keys = sum(answers.map((answer) => answer.keys));
  return {
    cases: cases.length,
    answers: answers.length,
    matchedAnswers: answers.filter(({ differences }) => differences.length === 0).length,
    keys,
    matchedKeys: keys - sum(answers.map(({ differences }) => differences.length)),
    unreachable: sum(cases.map((each) => each.unreachable.length)),
  };
}

/** Long texts are cut: they show what it is about. */
const shownTextMax = 300;

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > shownTextMax ? `${text.slice(0, shownTextMax)}…` : text;
}

export function missesOf(
  cases: readonly GroupedCase[],
  reasonOf: (caseName: string, answer: string) => string | undefined,
): Miss[] {
  return cases.flatMap(({ id, answers, grouping: { needs } }) =>
    answers
      .filter(({ differences }) => differences.length > 0)
      .map(({ name, differences }) => ({
        case: shortName(id),
        answer: name,
        differences: differences.map(
          ({ path, recorded, answered }) => `${path}: AWS ${shown(recorded)}, here ${shown(answered)}`,
        ),
        reason: needs.length === 0 ? reasonOf(shortName(id), name) : `it needs ${needs.join(", ")}`,
      })),
  );
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}

export function textOf({ service, recorded, groups, misses, otherMisses }: Report): string {
  const rows = Object.entries(groups).map(([group, figures]) => [
    group,
    String(figures.cases),
    `${figures.matchedAnswers} of ${figures.answers}`,
    percent(figures.matchedAnswers, figures.answers),
    `${figures.matchedKeys} of ${figures.keys}`,
    percent(figures.matchedKeys, figures.keys),
    String(figures.unreachable),
  ]);
  return [
    `${service}: recorded ${recorded.first} to ${recorded.last}`,
    ...table([["", "cases", "answers", "", "keys", "", "not reached"], ...rows]),
    ...missLines("Misses", misses),
    ...missLines("Misses of cases that need what is not here", otherMisses),
    "",
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** An answer that is an error instead differs in all of its keys; a few show it. JSON has all. */
const shownDifferencesMax = 8;

function missLines(title: string, misses: readonly Miss[]): string[] {
  if (misses.length === 0) return [];
  return [
    "",
    `${title}:`,
    ...misses.flatMap(({ case: name, answer, reason, differences }) => [
      `  ${name} / ${answer}`,
      `    ${reason === undefined ? "not explained" : `because ${reason}`}`,
      ...differences.slice(0, shownDifferencesMax).map((difference) => `    ${difference}`),
      ...(differences.length > shownDifferencesMax ? [`    and ${differences.length - shownDifferencesMax} more`] : []),
    ]),
  ];
}
