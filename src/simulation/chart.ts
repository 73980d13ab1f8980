/**
 * Draws policies by what they waste and how many cold starts they leave: a self-contained SVG, both axes logarithmic,
 * for light and dark pages. Policies of one kind are a line, so that a kind's whole frontier is seen. One without any
 * cold start, or without idle memory, has no place on such an axis: it is a hollow point at the axis's end.
 */
import { amountText, type Report } from "./tally.ts";

const width = 760;
const height = 460;
const plot = { left: 74, right: 600, top: 46, bottom: 400 } as const;
/** Told apart by people who see fewer colours (Okabe and Ito). */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"] as const;

interface Axis {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly number[];
}

export function frontierChart(reports: readonly Report[], title: string): string {
  const across = axisOf(reports.map(({ idleGiBHours }) => idleGiBHours));
  const up = axisOf(reports.map(({ coldStarts }) => coldStarts));
  const x = (value: number): number => between(across, value, plot.left, plot.right);
  const y = (value: number): number => between(up, value, plot.bottom, plot.top);

  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12">`,
    "<style>text{fill:#333}.grid{stroke:#ddd}.axis{stroke:#666}@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.axis{stroke:#999}}</style>",
    `<title>${escaped(title)}</title>`,
    `<text x="${plot.left}" y="24" font-size="15">${escaped(title)}</text>`,
  ];
  for (const tick of across.ticks) {
    lines.push(
      `<line class="grid" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${plot.top}" y2="${plot.bottom}"/>`,
      `<text x="${at(x(tick))}" y="${plot.bottom + 18}" text-anchor="middle">${labelOf(tick)}</text>`,
    );
  }
  for (const tick of up.ticks) {
    lines.push(
      `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at(y(tick))}" y2="${at(y(tick))}"/>`,
      `<text x="${plot.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${labelOf(tick)}</text>`,
    );
  }
  lines.push(
    `<path class="axis" fill="none" d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}"/>`,
    `<text x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 42}" text-anchor="middle">memory kept idle, GiB hours</text>`,
    `<text transform="translate(18 ${(plot.top + plot.bottom) / 2}) rotate(-90)" text-anchor="middle">cold starts</text>`,
  );
  for (const [index, [kind, ofKind]] of [...Map.groupBy(reports, kindOf)].entries()) {
    const colour = colours[index % colours.length] ?? colours[0];
    const points = ofKind
      .toSorted((a, b) => a.idleGiBHours - b.idleGiBHours)
      .map((report) => ({ report, x: at(x(report.idleGiBHours)), y: at(y(report.coldStarts)) }));
    const path = points.filter(({ report }) => !hasNone(report)).map((point) => `${point.x},${point.y}`);
    if (path.length > 0) {
      lines.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${path.join(" ")}"/>`);
    }
    for (const point of points) {
      const { policy, coldStarts, idleGiBHours } = point.report;
      const facts = `${policy}: ${coldStarts} cold starts, ${amountText(idleGiBHours)} GiB hours`;
      const paint = hasNone(point.report) ? `fill="none" stroke="${colour}" stroke-width="2"` : `fill="${colour}"`;
      lines.push(
        `<circle cx="${point.x}" cy="${point.y}" r="4" ${paint} pointer-events="all"><title>${escaped(facts)}</title></circle>`,
        `<text x="${point.x}" y="${at(Number(point.y) - 8)}" text-anchor="middle" font-size="10">${escaped(variantOf(point.report))}</text>`,
      );
    }
    const legendY = plot.top + 10 + index * 20;
    lines.push(
      `<circle cx="${plot.right + 24}" cy="${legendY - 4}" r="5" fill="${colour}"/>`,
      `<text x="${plot.right + 36}" y="${legendY}">${escaped(kind)}</text>`,
    );
  }
  if (reports.some(hasNone)) {
    const note = "hollow, on an axis: none at all, which a logarithmic scale cannot show";
    lines.push(`<text x="${plot.left}" y="${plot.bottom + 56}" font-size="10">${note}</text>`);
  }
  lines.push("</svg>");
  return `${lines.join("\n")}\n`;
}

function hasNone({ coldStarts, idleGiBHours }: Report): boolean {
  return coldStarts === 0 || idleGiBHours === 0;
}

/** The part of a policy's name before its window. */
function kindOf({ policy }: Report): string {
  return policy.split(":", 1)[0] ?? policy;
}

function variantOf({ policy }: Report): string {
  return policy.split(":")[1] ?? "";
}

/** A little wider than the values above 0; ticks at 1, 2 and 5 times the powers of ten, at least three of them. */
function axisOf(amounts: readonly number[]): Axis {
  const values = amounts.filter((amount) => amount > 0);
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (!Number.isFinite(low)) return { min: 1, max: 10, ticks: [1, 10] };
  const min = low / 1.15;
  const max = Math.max(high, low * 1.5) * 1.15;
  const ticks = (multiples: readonly number[]): number[] => {
    const found: number[] = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power++) {
      for (const multiple of multiples) {
        const tick = multiple * 10 ** power;
        if (tick >= min && tick <= max) found.push(tick);
      }
    }
    return found;
  };
  const coarse = ticks([1, 2, 5]);
  return { min, max, ticks: coarse.length >= 3 ? coarse : ticks([1, 1.5, 2, 3, 4, 5, 6, 8]) };
}

/** What is 0 is at the axis's end. */
function between({ min, max }: Axis, value: number, from: number, to: number): number {
  if (value === 0) return from;
  return from + (Math.log(value / min) / Math.log(max / min)) * (to - from);
}

function at(position: number): string {
  return position.toFixed(1);
}

function labelOf(value: number): string {
  return value >= 1 ? value.toLocaleString("en-US", { maximumFractionDigits: 1 }) : amountText(value);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
