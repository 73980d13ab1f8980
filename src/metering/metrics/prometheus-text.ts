/**
 * Writes metrics as Prometheus reads them.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** The values that came so far: of a histogram with the counts up to each of its bounds. */
export interface SummarySample {
  readonly labels: Labels;
  readonly count: number;
  readonly sum: number;
}

export interface HistogramSample extends SummarySample {
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
}

/** All series of one name. Counters' names end in `_total`, and all end in their unit. */
export type Family = { readonly name: string; readonly help: string } & (
  | { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] }
  | { readonly type: "summary"; readonly samples: readonly SummarySample[] }
  | { readonly type: "histogram"; readonly samples: readonly HistogramSample[] }
);

/** Families without samples are left out. */
export function prometheusText(families: Iterable<Family>): string {
  const lines: string[] = [];
  for (const family of families) {
    if (family.samples.length === 0) continue;
    const { name, help, type } = family;
    lines.push(`# HELP ${name} ${escaped(help, false)}`, `# TYPE ${name} ${type}`);
    switch (family.type) {
      case "counter":
      case "gauge":
        for (const { labels, value } of family.samples) lines.push(line(name, labels, value));
        break;
      case "summary":
        for (const sample of family.samples) pushSums(lines, name, sample);
        break;
      default:
        for (const sample of family.samples) {
          for (const { upTo, count } of sample.buckets) {
            lines.push(line(`${name}_bucket`, { ...sample.labels, le: number(upTo) }, count));
          }
          lines.push(line(`${name}_bucket`, { ...sample.labels, le: "+Inf" }, sample.count));
          pushSums(lines, name, sample);
        }
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function pushSums(lines: string[], name: string, { labels, sum, count }: SummarySample): void {
  lines.push(line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count));
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text, true)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${number(value)}`;
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escaped(text: string, isQuoted: boolean): string {
  const plain = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return isQuoted ? plain.replaceAll('"', '\\"') : plain;
}
