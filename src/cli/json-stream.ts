import { StringDecoder } from "node:string_decoder";
import { InputError } from "./errors.js";

const VALUE_CHARS_MAX = 128 << 20;
const WHITE = /\s/;

/**
 * Cuts text into JSON objects, one after the other, each on one line or on many; commas and brackets of an array
 * around them are passed over, so that an array is read element by element.
 */
export class JsonStream {
  readonly #take: (text: string, line: number) => void;
  readonly #decoder = new StringDecoder("utf8");
  #parts: string[] = [];
  #chars = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #line = 1;
  #startLine = 1;

  /** @param take is given the text of each object, and the line where it starts */
  constructor(take: (text: string, line: number) => void) {
    this.#take = take;
  }

  /** Takes the next bytes. @throws InputError BAD_JSON where something else than an object stands there */
  push(chunk: Uint8Array): void {
    this.#scan(this.#decoder.write(Buffer.from(chunk)));
  }

  /** Says so where the text ends within an object. @throws InputError BAD_JSON */
  end(): void {
    this.#scan(this.#decoder.end());
    if (this.#depth > 0)
      throw new InputError("BAD_JSON", `line ${this.#startLine}: the object that starts here does not end`);
  }

  #scan(text: string): void {
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const char = text.charAt(i);
      if (char === "\n") this.#line++;
      if (this.#depth === 0) {
        if (char === "{") {
          start = i;
          this.#depth = 1;
          this.#startLine = this.#line;
        } else if (!WHITE.test(char) && !"[],\ufeff".includes(char)) {
          throw new InputError("BAD_JSON", `line ${this.#line}: ${JSON.stringify(char)} starts no JSON object`);
        }
      } else if (this.#within(char)) {
        const object = this.#parts.join("") + text.slice(start, i + 1);
        this.#parts = [];
        this.#chars = 0;
        start = i + 1;
        this.#take(object, this.#startLine);
      }
    }
    if (this.#depth > 0) this.#keep(text.slice(start));
  }

  /** Takes a character of an object. Returns true for its last. */
  #within(char: string): boolean {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === '"') this.#isInString = !this.#isInString;
    else if (this.#isInString) this.#isEscaped = char === "\\";
    else if (char === "{" || char === "[") this.#depth++;
    else if (char === "}" || char === "]") return --this.#depth === 0;
    return false;
  }

  #keep(text: string): void {
    this.#parts.push(text);
    this.#chars += text.length;
    if (this.#chars > VALUE_CHARS_MAX) {
      throw new InputError("BAD_JSON", `line ${this.#startLine}: an object of more than ${VALUE_CHARS_MAX} characters`);
    }
  }
}
