import { StringDecoder } from "node:string_decoder";
import { HEADER_BYTES, PAYLOAD_SIZE_OFFSET } from "../protocol/header.js";
import { InputError } from "./errors.js";
import { isBase64Message } from "./hex.js";

const MAGIC_IN_HEX = "efbeadde";
const BETWEEN_DIGITS = /0x|[\s,:]/gi;
/** Characters that a byte may take: digits, 0x, a comma and blanks. */
const CHARS_PER_BYTE = 8;

/**
 * Cuts text into messages. A message may go on over several lines, as dumps do: until it is as long as its header says,
 * until a line that starts another, or a blank line. Base64 has one message to a line.
 */
export class LineReader {
  readonly #isBase64: boolean;
  readonly #charsMax: number;
  readonly #take: (text: string, line: number) => void;
  readonly #decoder = new StringDecoder("latin1");
  #rest = "";
  #line = 0;
  #message: string[] = [];
  #digits = 0;
  #wanted = 0;
  #startLine = 0;

  /** @param take is given each text that should be one message, and the line where it starts */
  constructor(isBase64: boolean, payloadBytesMax: number, take: (text: string, line: number) => void) {
    this.#isBase64 = isBase64;
    this.#charsMax = CHARS_PER_BYTE * (HEADER_BYTES + payloadBytesMax);
    this.#take = take;
  }

  /** Takes the next bytes. @throws InputError where a line is longer than any message */
  push(chunk: Uint8Array): void {
    const lines = this.#decoder.write(Buffer.from(chunk)).split("\n");
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#lineRead(line);
    if (this.#rest.length > this.#charsMax) throw this.#tooLong(this.#line + 1);
  }

  /** Gives the last message. */
  end(): void {
    this.#lineRead(this.#rest + this.#decoder.end());
    this.#finish();
  }

  #lineRead(text: string): void {
    this.#line++;
    const digits = text.replace(BETWEEN_DIGITS, "").toLowerCase();
    const isWhole = this.#digits > 0 && this.#digits >= this.#wanted;
    const isFirst = digits.startsWith(MAGIC_IN_HEX) || isBase64Message(text);
    if (digits === "" || this.#isBase64 || isWhole || isFirst) this.#finish();
    if (digits === "") return;
    if (this.#message.length === 0) this.#startLine = this.#line;
    this.#message.push(text);
    this.#digits += digits.length;
    if (this.#digits > this.#charsMax) throw this.#tooLong(this.#startLine);
    this.#wanted = this.#wantedDigits(digits);
  }

  /** Hex digits of the whole message; the first line tells once the header is there. */
  #wantedDigits(digits: string): number {
    if (this.#message.length > 1 && this.#wanted > 2 * HEADER_BYTES) return this.#wanted;
    const all = this.#message.length === 1 ? digits : this.#message.join("").replace(BETWEEN_DIGITS, "").toLowerCase();
    if (!all.startsWith(MAGIC_IN_HEX) || !/^[0-9a-f]+$/.test(all.slice(0, 2 * HEADER_BYTES))) return 0;
    if (all.length < 2 * HEADER_BYTES) return 2 * HEADER_BYTES;
    const header = Buffer.from(all.slice(0, 2 * HEADER_BYTES), "hex");
    return 2 * (HEADER_BYTES + header.readUInt32LE(PAYLOAD_SIZE_OFFSET));
  }

  #finish(): void {
    const text = this.#message.join(" ");
    const line = this.#startLine;
    this.#message = [];
    this.#digits = 0;
    this.#wanted = 0;
    if (text !== "") this.#take(text, line);
  }

  #tooLong(line: number): InputError {
    return new InputError(
      "BAD_DIGITS",
      `line ${line} goes on for more than ${this.#charsMax} characters: it is no message; --file reads bytes`,
    );
  }
}
