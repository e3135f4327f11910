import { createReadStream } from "node:fs";
import { AlphaPulseError, ProtocolError } from "../protocol/errors.js";
import { HEADER_BYTES, PAYLOAD_SIZE_OFFSET } from "../protocol/header.js";
import { StreamFramer } from "../protocol/stream-framer.js";
import { InputError, unreadable } from "./errors.js";
import { type Fault, faultOf, type Where } from "./fault.js";
import { bytesOfText } from "./hex.js";
import type { KnownTypes } from "./known-types.js";
import { type Context, type Given, payloadBytesMaxOf, usage, wordOf } from "./options.js";
import { LineReader } from "./text-lines.js";

/** What takes the messages of an input, in their order. */
export interface Reader {
  /** What should be one message: borrowed until it returns, and not checked. */
  message(bytes: Uint8Array, where: Where): void;
  /** The stream of messages ends here, and not as it should. */
  fault(fault: Fault): void;
  /** An argument or line that holds no bytes at all. */
  refused(error: InputError): void;
}

const MAGIC_FIRST_BYTE = 0xef;
const MAGIC_IN_HEX = "efbeadde";

/** Gives all messages of the arguments, of `--file` or of standard input to a reader. Stops early where nobody reads the output. */
export async function readInput(given: Given, context: Context, known: KnownTypes, reader: Reader): Promise<void> {
  const file = wordOf(given, "file");
  if (file !== undefined && given.positionals.length > 0)
    throw usage("either --file or messages as arguments, not both");
  if (file !== undefined && file !== "-") {
    return readStream(createReadStream(file), file, given, context, known, reader);
  }
  if (given.positionals.length > 0) return readArguments(given, reader);
  const { stdin } = context;
  if (stdin.isTTY) throw usage("there is nothing to read: give a message in hex, --file FILE, or pipe something in");
  if (file === "-") return readStream(stdin, "standard input", given, context, known, reader);
  return readEither(stdin, given, context, known, reader);
}

/** Arguments that are all shorter than a header are one message, which the shell took apart; else each is one. */
function readArguments({ positionals, values }: Given, reader: Reader): void {
  const isOne = positionals.every((argument) => argument.length < 2 * HEADER_BYTES);
  const texts = isOne ? [positionals.join(" ")] : positionals;
  for (const [index, text] of texts.entries()) {
    readText(text, texts.length === 1 ? "the argument" : `argument ${index + 1}`, values.base64 === true, reader);
  }
}

function readText(text: string, input: string, isBase64: boolean, reader: Reader): void {
  try {
    reader.message(bytesOfText(text, input, isBase64), { input, ordinal: undefined, at: 0 });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    reader.refused(error);
  }
}

/** Standard input is text, unless it starts as a message does: that byte begins no hex and no base64. */
async function readEither(
  stdin: NodeJS.ReadableStream,
  given: Given,
  context: Context,
  known: KnownTypes,
  reader: Reader,
): Promise<void> {
  const chunks = stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  const all = (async function* () {
    try {
      for (let next = first; !next.done; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.(); // lets go of it: a writer that goes on must not keep the process
    }
  })();
  const isBinary = !first.done && first.value[0] === MAGIC_FIRST_BYTE;
  if (isBinary) return readStream(all, "standard input", given, context, known, reader);
  const isBase64 = given.values.base64 === true;
  const lines = new LineReader(isBase64, payloadBytesMaxOf(given), (text, line) => {
    readText(text, `line ${line}`, isBase64, reader);
  });
  try {
    for await (const chunk of all) {
      lines.push(chunk);
      if (!(await context.terminal.flush())) return;
    }
    lines.end();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    reader.refused(error);
  }
}

async function readStream(
  chunks: AsyncIterable<string | Uint8Array>,
  input: string,
  given: Given,
  context: Context,
  known: KnownTypes,
  reader: Reader,
): Promise<void> {
  const stream = new MessageStream(input, payloadBytesMaxOf(given), known, reader);
  try {
    for await (const chunk of chunks) {
      if (!stream.push(chunk as Uint8Array)) return;
      if (!(await context.terminal.flush())) return;
    }
  } catch (error) {
    if (error instanceof AlphaPulseError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw unreadable(input, error);
  }
  stream.end();
}

const CONTEXT_BYTES = 64;

/** A stream of messages one after the other, and how far it has been read. */
class MessageStream {
  readonly #input: string;
  readonly #known: KnownTypes;
  readonly #reader: Reader;
  readonly #framer: StreamFramer;
  #ordinal = 1;
  /** Where the next message starts, or the one that has begun. */
  #messageAt = 0;
  /** Bytes that came. */
  #read = 0;
  /** The first bytes of the message that has begun, and the last bytes of the stream: what an error shows. */
  #head = new Uint8Array(0);
  #tail = new Uint8Array(0);

  constructor(input: string, payloadBytesMax: number, known: KnownTypes, reader: Reader) {
    this.#input = input;
    this.#known = known;
    this.#reader = reader;
    this.#framer = new StreamFramer(
      ({ bytes }, offset, byteLength) => {
        reader.message(bytes.subarray(offset, offset + byteLength), this.#where());
        this.#ordinal++;
        this.#messageAt += byteLength;
      },
      { payloadBytesMax },
    );
  }

  /** Takes the next bytes. Returns false where the stream cannot be trusted any more. */
  push(chunk: Uint8Array): boolean {
    let caught: unknown;
    try {
      this.#framer.push(chunk);
    } catch (error) {
      caught = error;
    }
    this.#remember(chunk);
    if (caught === undefined) return true;
    if (!(caught instanceof ProtocolError)) throw caught;
    const isText = Buffer.from(this.#head).toString("latin1", 0, MAGIC_IN_HEX.length).toLowerCase() === MAGIC_IN_HEX;
    const fault = faultOf(caught, this.#where(), this.#head, this.#known);
    const detail = isText ? "this is hex as text, not bytes: pipe it in instead" : fault.detail;
    this.#reader.fault({ ...fault, detail });
    return false;
  }

  /** Says so where the stream ends within a message. */
  end(): void {
    const there = this.#read - this.#messageAt;
    if (there === 0) return;
    const view = new DataView(this.#head.buffer, this.#head.byteOffset, this.#head.byteLength);
    const isHeader = there < HEADER_BYTES;
    const wanted = isHeader ? HEADER_BYTES : HEADER_BYTES + view.getUint32(PAYLOAD_SIZE_OFFSET, true);
    this.#reader.fault({
      ...this.#where(),
      code: "TRUNCATED",
      detail: `the ${isHeader ? "header" : "message"} has ${wanted} bytes, the input ends after ${there} of them`,
      offset: there,
      field: undefined,
      shown: this.#tail,
      shownAt: this.#read - this.#tail.byteLength,
    });
  }

  #where(): Where {
    return { input: this.#input, ordinal: this.#ordinal, at: this.#messageAt };
  }

  #remember(chunk: Uint8Array): void {
    const into = this.#messageAt - this.#read;
    if (into >= 0) this.#head = chunk.slice(into, into + CONTEXT_BYTES);
    else if (this.#head.byteLength < CONTEXT_BYTES) this.#head = joined(this.#head, chunk).slice(0, CONTEXT_BYTES);
    this.#tail = joined(this.#tail, chunk.subarray(-CONTEXT_BYTES)).slice(-CONTEXT_BYTES);
    this.#read += chunk.byteLength;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}
