/** Collects the series of one run, and writes them as JSON and as a table for people. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

export interface Row {
  readonly what: string;
  readonly conditions: string;
  readonly value: string;
  /** The promise of SPECIFICATION.md that this row shows, if there is one. */
  readonly promise?: string;
}

export interface Report {
  row(row: Row): void;
  /** Raw figures, kept in the JSON beside the table. */
  series(name: string, data: unknown): void;
  write(directory: string): { readonly table: string; readonly file: string };
}

export function createReport(startedAt: Date, print: (line: string) => void): Report {
  const rows: Row[] = [];
  const all: Record<string, unknown> = {};
  return {
    row(row) {
      rows.push(row);
      print(`${row.what} · ${row.conditions}: ${row.value}`);
    },
    series(name, data) {
      all[name] = data;
    },
    write(directory) {
      const table = [
        `Measured ${startedAt.toISOString().slice(0, 10)} on ${machine()}.`,
        "",
        "| what | conditions | measured | promised |",
        "|---|---|---|---|",
        ...rows.map((row) => `| ${row.what} | ${row.conditions} | ${row.value} | ${row.promise ?? ""} |`),
        "",
      ].join("\n");
      mkdirSync(directory, { recursive: true });
      const file = `${directory}/${startedAt.toISOString().slice(0, 16).replace(/[:T]/g, "-")}.json`;
      writeFileSync(
        file,
        `${JSON.stringify({ startedAt, machine: machine(), commit: commit(), rows, series: all }, null, 1)}\n`,
      );
      writeFileSync(`${directory}/latest.md`, table);
      return { table, file };
    },
  };
}

function machine(): string {
  const model =
    /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? cpus()[0]?.model ?? "unknown CPU";
  return `${cpus().length} cores (${model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
}

function commit(): string {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
}

export const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
export const perSecond = (value: number): string => `${Math.round(value)}/s`;
