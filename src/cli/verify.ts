import { ProtocolError } from "../protocol/errors.js";
import { CHECKSUM_CHOICES, type Decoded, decodeMessage } from "./checked.js";
import { type Fault, faultOf, renderFault } from "./fault.js";
import { readInput } from "./input.js";
import type { KnownTypes } from "./known-types.js";
import { type Command, choiceOf, countOf, EXIT, payloadBytesMaxOf, READING } from "./options.js";
import { sourceName } from "./pretty.js";
import { printable } from "./printable.js";
import { knownTypesOf, SCHEMA_OPTION } from "./schema-file.js";
import { SequenceTracker, type SourceReport } from "./sequences.js";
import type { Paint, Terminal } from "./terminal.js";

const FAULTS_SHOWN = 10;
const GAPS_SHOWN = 5;
const DIGITS = new Intl.NumberFormat("en-US");

/** What was counted over all messages. */
class Summary {
  messages = 0;
  bytes = 0;
  /** How many messages carry which checksum, have which fault, hold which type. */
  readonly checksums = new Map<string, number>();
  readonly faults = new Map<string, number>();
  readonly types = new Map<number, number>();
  readonly sequences = new SequenceTracker();

  add({ header, byteLength, checksum, tlvs }: Decoded): void {
    this.messages++;
    this.bytes += byteLength;
    count(this.checksums, checksum ?? "wrong");
    for (const { type } of tlvs) count(this.types, type);
    this.sequences.take(header);
  }
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** `alphapulse verify`: checks messages and counts what is in them. */
export const verify: Command = {
  name: "verify",
  synopsis: "[options] [<message> ...]",
  summary: "Checks messages to the last field, and counts faults, types, and what is missing of each source.",
  options: {
    ...READING,
    ...SCHEMA_OPTION,
    json: { type: "boolean", help: "the summary as JSON" },
    faults: { type: "string", value: "<count>", help: `how many faults to show (default ${FAULTS_SHOWN})` },
    complete: { type: "boolean", help: "gaps and duplicates are faults too" },
  },
  notes: `A <message> is hex; without one, standard input is read, as \`decode\` does. Gaps are judged within what is read: the first
message of a source says where its sequence starts.
Exit 0: all good, 1: there are faults, 2: wrong usage.`,

  async run(given, context) {
    const { terminal } = context;
    const choice = choiceOf(given, "checksum", CHECKSUM_CHOICES);
    const payloadBytesMax = payloadBytesMaxOf(given);
    const faultsShown = countOf(given, "faults", FAULTS_SHOWN, Number.MAX_SAFE_INTEGER);
    const known = knownTypesOf(given);
    const summary = new Summary();
    let faults = 0;
    const complain = (code: string, text: () => string) => {
      count(summary.faults, code);
      if (faults++ < faultsShown) terminal.complain(text());
    };
    await readInput(given, context, known, {
      message(bytes, where) {
        try {
          summary.add(decodeMessage(bytes, choice, payloadBytesMax, known));
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          this.fault(faultOf(error, where, bytes, known));
        }
      },
      fault: (fault: Fault) => complain(fault.code, () => renderFault(fault, terminal.paintError)),
      refused: (error) => complain(error.code, () => `${error.code}: ${printable(error.message)}`),
    });
    const sources = summary.sequences.report();
    if (given.values.json === true) terminal.print(JSON.stringify(jsonOf(summary, sources)));
    else printSummary(summary, sources, known, terminal);
    const isComplete = sources.every(({ missing, duplicates }) => missing + duplicates === 0);
    return faults > 0 || (given.values.complete === true && !isComplete) ? EXIT.badData : EXIT.good;
  },
};

function jsonOf(summary: Summary, sources: readonly SourceReport[]): object {
  const { messages, bytes, checksums, faults, types } = summary;
  const plain = (counts: Map<string | number, number>) => Object.fromEntries(counts);
  return { messages, bytes, faults: plain(faults), checksums: plain(checksums), types: plain(types), sources };
}

function printSummary(summary: Summary, sources: readonly SourceReport[], known: KnownTypes, terminal: Terminal): void {
  const { paint } = terminal;
  const rows = (title: string, counts: readonly (readonly [string, number])[]) => {
    if (counts.length === 0) return;
    terminal.print(paint("bold", title));
    const width = Math.max(...counts.map(([name]) => name.length));
    const digits = Math.max(...counts.map(([, n]) => DIGITS.format(n).length));
    for (const [name, n] of counts) terminal.print(`  ${name.padEnd(width)}  ${DIGITS.format(n).padStart(digits)}`);
  };
  const bad = [...summary.faults.values()].reduce((sum, n) => sum + n, 0);
  const verdict =
    bad === 0 ? paint("green", "no faults") : paint("red", `${DIGITS.format(bad)} ${plural(bad, "fault")}`);
  const { messages } = summary;
  const good = `${DIGITS.format(messages)} good ${plural(messages, "message")} of ${DIGITS.format(summary.bytes)} bytes`;
  terminal.print(`${good}, ${verdict}`);
  rows("faults", [...summary.faults].sort());
  rows("checksums", [...summary.checksums].sort());
  const byType = [...summary.types].sort(([a], [b]) => a - b);
  rows(
    "types",
    byType.map(([type, n]) => [`${String(type).padStart(3)} ${known.byType(type)?.name ?? "unknown"}`, n]),
  );
  if (sources.length > 0) terminal.print(paint("bold", "sources"));
  for (const source of sources) for (const line of sourceLines(source, paint)) terminal.print(`  ${line}`);
}

function sourceLines(report: SourceReport, paint: Paint): string[] {
  const { source, messages, unsequenced, duplicates, restarts, stale, outOfRange, timeBackwards, missing, gaps } =
    report;
  const told = [
    [unsequenced, "unsequenced"],
    [duplicates, plural(duplicates, "duplicate")],
    [restarts, plural(restarts, "restart")],
    [stale, "of a run that had ended"],
    [outOfRange, "with a sequence of more than 53 bits, not tracked"],
    [timeBackwards, "with a time stamp that goes back"],
    [missing, "missing"],
  ] as const;
  const counts = told.flatMap(([n, what]) => (n > 0 ? [`${DIGITS.format(n)} ${what}`] : []));
  const name = sourceName(source);
  const head = `${source}${name === "" ? "" : ` ${name}`}: ${[`${DIGITS.format(messages)} ${plural(messages, "message")}`, ...counts].join(", ")}`;
  const shown = gaps.slice(0, GAPS_SHOWN).map(({ from, to, incarnation }) => {
    const range = from === to ? `${from}` : `${from} to ${to}`;
    return `  ${paint("yellow", "gap")} ${range}${incarnation === 0 ? "" : ` of run ${incarnation}`}`;
  });
  const more = gaps.length - shown.length;
  return [head, ...shown, ...(more > 0 ? [`  and ${DIGITS.format(more)} more ${plural(more, "gap")}`] : [])];
}

function plural(n: number, word: string): string {
  return n === 1 ? word : `${word}s`;
}
