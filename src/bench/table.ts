import { cpus, totalmem } from "node:os";
import type { Measurement } from "./measurement.js";

/** The machine that measured: processor, cores, memory, system and Node's version, in one line. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpu?.model.trim() ?? "unknown cpu"}, ${cpus().length} cores, ${memory}, ${process.platform} ${process.arch}, node ${process.version}`;
}

/** Figures as text: three significant ones, or whole thousands. */
export function formatFigure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

/** Pads cells to columns; columns from `right` on, up to `left`, are aligned at their ends. */
export function columns(lines: readonly (readonly string[])[], isRight: (column: number) => boolean): string[] {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => (line[i] ?? "").length)));
  return lines.map((line) =>
    line
      .map((cell, i) => (isRight(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** A comparison as lines of text. */
export function tableOf(name: string, measurements: readonly Measurement[]): string[] {
  const head = ["subject", "ns", "ratio", "p50", "p99", "p99.9", "bytes"];
  const lines = measurements.map(({ subject, ns, ratio, latency, allocatedBytes }) => [
    subject,
    formatFigure(ns),
    `${ratio.toFixed(2)}x`,
    ...[latency?.p50, latency?.p99, latency?.p999, allocatedBytes].map((value) =>
      value === undefined ? "-" : formatFigure(value),
    ),
  ]);
  return [name, ...columns([head, ...lines], (column) => column > 0).map((line) => `  ${line}`)];
}
