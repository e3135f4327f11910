import { type ParseArgsConfig, parseArgs } from "node:util";
import { PAYLOAD_BYTES_DEFAULT, PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { InputError } from "./errors.js";
import type { Terminal } from "./terminal.js";

/** An option of a command: what is parsed, and what its help says. */
export interface Option {
  readonly type: "boolean" | "string";
  readonly short?: string;
  /** What stands behind it, as `FILE`. */
  readonly value?: string;
  readonly help: string;
}

/** The options of a command by their long names. */
export type Options = Readonly<Record<string, Option>>;

/** What was given: the options by name, and the rest. */
export interface Given {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** What a command may use of its process. */
export interface Context {
  readonly terminal: Terminal;
  readonly stdin: NodeJS.ReadStream;
}

/** One command of the command line. */
export interface Command {
  readonly name: string;
  readonly synopsis: string;
  readonly summary: string;
  readonly options: Options;
  /** What the help says below the options. */
  readonly notes: string;
  /** Returns the exit code. @throws InputError */
  run(given: Given, context: Context): Promise<number>;
}

/** Exit codes. */
export const EXIT = { good: 0, badData: 1, usage: 2 } as const;

/** The options of commands that read messages. */
export const READING: Options = {
  file: { type: "string", short: "f", value: "<file>", help: "read messages one after the other; - is standard input" },
  base64: { type: "boolean", help: "arguments or lines are base64, not hex" },
  checksum: {
    type: "string",
    value: "<kind>",
    help: "crc32c, crc32, none, or auto: either of the two (default auto)",
  },
  "max-payload": { type: "string", value: "<bytes>", help: "the largest payload to take (default 1048576)" },
};

/** What every command knows. */
export const COMMON: Options = { help: { type: "boolean", short: "h", help: "show this" } };

/** Reads the arguments behind a command's name. @throws InputError USAGE */
export function parseGiven(args: readonly string[], options: Options): Given {
  const known: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, { type, short }] of Object.entries({ ...options, ...COMMON })) {
    known[name] = short === undefined ? { type } : { type, short };
  }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: known, allowPositionals: true });
    return { values: values as Given["values"], positionals };
  } catch (error) {
    throw usage((error as Error).message);
  }
}

/** A command that cannot be. */
export function usage(message: string): InputError {
  return new InputError("USAGE", message);
}

/** An option that takes a word; undefined where it was not given. */
export function wordOf(given: Given, name: string): string | undefined {
  const value = given.values[name];
  return typeof value === "string" ? value : undefined;
}

/** An option that takes one of these words. @throws InputError USAGE */
export function choiceOf<Word extends string>(given: Given, name: string, words: readonly [Word, ...Word[]]): Word {
  const value = wordOf(given, name) ?? words[0];
  const found = words.find((word) => word === value);
  if (found === undefined) throw usage(`--${name} ${value} is none of ${words.join(", ")}`);
  return found;
}

/** An option that takes a whole number. @throws InputError USAGE */
export function countOf(given: Given, name: string, fallback: number, max: number): number {
  const value = wordOf(given, name);
  if (value === undefined) return fallback;
  const count = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(count <= max)) throw usage(`--${name} ${value} is no whole number from 0 to ${max}`);
  return count;
}

/** The option `--max-payload`. @throws InputError USAGE */
export function payloadBytesMaxOf(given: Given): number {
  return countOf(given, "max-payload", PAYLOAD_BYTES_DEFAULT, PAYLOAD_BYTES_MAX);
}

/** The help of a command, with every option it has. */
export function helpOf({ name, synopsis, summary, options, notes }: Command): string {
  const rows = Object.entries({ ...options, ...COMMON }).map(([long, { short, value, help }]) => {
    const flag = `${short === undefined ? "    " : `-${short}, `}--${long}${value === undefined ? "" : ` ${value}`}`;
    return [flag, help] as const;
  });
  const width = Math.max(...rows.map(([flag]) => flag.length));
  const lines = rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`);
  return [`alphapulse ${name} ${synopsis}`, "", summary, "", ...lines, "", notes].join("\n");
}
