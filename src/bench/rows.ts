import { writeFileSync } from "node:fs";

/** One measured figure. A file of results is an array of these, with all six fields and no other. */
export interface BenchRow {
  /** What the figure belongs to, such as the file that measured it. */
  readonly suite: string;
  /** What is measured: rows of one name and unit are compared with each other. */
  readonly name: string;
  /** Who did it. */
  readonly subject: string;
  readonly value: number;
  /** Such as `ns` or `bytes`. */
  readonly unit: string;
  /** Which of two values is the better one. */
  readonly better: "lower" | "higher";
}

/** Writes results to a file, as JSON. */
export function writeRows(file: string, rows: readonly BenchRow[]): void {
  const plain = rows.map(({ suite, name, subject, value, unit, better }) => ({
    suite,
    name,
    subject,
    value,
    unit,
    better,
  }));
  writeFileSync(file, `${JSON.stringify(plain, null, 2)}\n`);
}

/** The middle value; of an even number of values, halfway between the two in the middle. @throws RangeError of none */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
