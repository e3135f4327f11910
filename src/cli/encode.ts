import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { AlphaPulseError, ProtocolError } from "../protocol/errors.js";
import { InputError, unreadable } from "./errors.js";
import { toBase64, toHex } from "./hex.js";
import { JsonStream } from "./json-stream.js";
import { type EncodeOptions, encodeMessage } from "./message-from-json.js";
import {
  type Command,
  type Context,
  choiceOf,
  EXIT,
  type Given,
  payloadBytesMaxOf,
  READING,
  usage,
  wordOf,
} from "./options.js";
import { printable } from "./printable.js";
import { knownTypesOf, SCHEMA_OPTION } from "./schema-file.js";

/** `alphapulse encode`: the bytes of messages that are JSON. */
export const encode: Command = {
  name: "encode",
  synopsis: "[options] [<json> ...]",
  summary: "Makes messages from JSON in the shape that `decode --json` prints, as lines of hex.",
  options: {
    file: { type: "string", short: "f", value: "<file>", help: "read JSON from a file; - is standard input" },
    base64: { type: "boolean", help: "lines of base64 instead of hex" },
    out: {
      type: "string",
      short: "o",
      value: "<file>",
      help: "write the bytes to a file, one message after the other",
    },
    ...SCHEMA_OPTION,
    checksum: { type: "string", value: "<kind>", help: "crc32c or crc32, whatever the JSON says" },
    "max-payload": READING["max-payload"] as Command["options"][string],
  },
  notes: `Without JSON as an argument, standard input is read: objects one after the other, on one line or many, or an array.
  {"header": {"relayDomain": 1, "source": 3, "sequence": "7", "timestamp": "1755000000123456789"}, "checksum": "crc32c",
   "tlvs": [{"name": "Trade", "value": {…}}, {"type": 210, "raw": "c0ffee"}]}
Integers of 64 bits and more are decimal text, bytes are hex, a group is an array, an instrument is {venue, assetType,
assetId} or {venue, assetType, symbol}. Size and checksum are computed. A message that cannot be is told and left out.
Exit 0: all good, 1: some JSON makes no message, 2: wrong usage.`,

  async run(given, context) {
    const { terminal } = context;
    const file = wordOf(given, "out");
    if (file !== undefined && given.values.base64 === true) throw usage("either --base64 or --out, not both");
    const choice = choiceOf(given, "checksum", ["", "crc32c", "crc32"]);
    const options: EncodeOptions = {
      known: knownTypesOf(given),
      payloadBytesMax: payloadBytesMaxOf(given),
      checksum: choice === "" ? undefined : choice,
    };
    let faults = 0;
    const written = file === undefined ? undefined : new OutFile(file);
    const show = given.values.base64 === true ? toBase64 : toHex;
    try {
      await readJson(given, context, (text, where) => {
        try {
          const bytes = encodeText(text, options);
          if (written === undefined) terminal.print(show(bytes));
          else written.write(bytes);
        } catch (error) {
          if (!isOfData(error)) throw error;
          faults++;
          const said = error instanceof ProtocolError ? error.detail : error.message;
          terminal.complain(`${terminal.paintError("red", error.code)}: ${printable(`${where}: ${said}`)}`);
        }
      });
    } finally {
      written?.close();
    }
    return faults === 0 ? EXIT.good : EXIT.badData;
  },
};

function isOfData(error: unknown): error is AlphaPulseError {
  return error instanceof AlphaPulseError && !(error instanceof InputError && error.isUsage);
}

function encodeText(text: string, options: EncodeOptions): Uint8Array {
  let shown: unknown;
  try {
    shown = JSON.parse(text);
  } catch (error) {
    throw new InputError("BAD_JSON", (error as Error).message);
  }
  return encodeMessage(shown, options);
}

/** Gives each object of the arguments, of `--file` or of standard input, with the place where it stands. */
async function readJson(given: Given, context: Context, take: (text: string, where: string) => void): Promise<void> {
  const file = wordOf(given, "file");
  const { positionals } = given;
  if (file !== undefined && positionals.length > 0) throw usage("either --file or JSON as arguments, not both");
  if (positionals.length > 0) {
    for (const [index, text] of positionals.entries()) {
      take(text, positionals.length === 1 ? "the argument" : `argument ${index + 1}`);
    }
    return;
  }
  const isFile = file !== undefined && file !== "-";
  if (!isFile && context.stdin.isTTY)
    throw usage("there is nothing to read: give JSON, --file FILE, or pipe something in");
  const stream = new JsonStream((text, line) => take(text, isFile ? `${file}, line ${line}` : `line ${line}`));
  const chunks: AsyncIterable<Uint8Array> = isFile ? createReadStream(file) : context.stdin;
  try {
    for await (const chunk of chunks) {
      stream.push(chunk);
      if (!(await context.terminal.flush())) return;
    }
  } catch (error) {
    if (error instanceof AlphaPulseError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw unreadable(file ?? "standard input", error);
  }
  stream.end();
}

/** A file that is written from its start; made when the first message is there. */
class OutFile {
  readonly #file: string;
  #handle: number | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  write(bytes: Uint8Array): void {
    try {
      this.#handle ??= openSync(this.#file, "w");
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#handle, bytes, at);
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
  }
}
