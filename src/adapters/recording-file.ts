import { type FileHandle, open } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip, type ZlibOptions } from "node:zlib";
import { RecordingError } from "./errors.js";

/** The most bytes of one line. */
const LINE_BYTES_MAX = 16_777_216;
const CHUNK_BYTES = 131_072;
/** How much is unpacked ahead, on another core, while what came before is used. */
const AHEAD_BYTES = 4 << 20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Cuts chunks into lines; a line that spans chunks is put together. */
export class LineSplitter {
  readonly #file: string;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  /** The line being read, from 1. */
  line = 1;

  constructor(file: string) {
    this.#file = file;
  }

  /** Hands over each line that ends in this chunk, until one gives an answer, which is returned. Errors are answers. */
  push<T>(chunk: Uint8Array, take: (line: Uint8Array) => T | undefined): T | RecordingError | undefined {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      const piece = chunk.subarray(start, end);
      const line = this.#pieceBytes === 0 ? piece : this.#join(piece);
      if (line.length > LINE_BYTES_MAX) return this.#tooLong();
      const answer = take(line[line.length - 1] === RETURN ? line.subarray(0, -1) : line);
      if (answer !== undefined) return answer;
      this.line++;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#pieces.push(chunk.subarray(start));
      this.#pieceBytes += chunk.length - start;
    }
    return this.#pieceBytes > LINE_BYTES_MAX ? this.#tooLong() : undefined;
  }

  /** What is left behind the last newline. */
  rest(): Uint8Array {
    return this.#join(new Uint8Array(0));
  }

  #join(piece: Uint8Array): Uint8Array {
    const joined = new Uint8Array(this.#pieceBytes + piece.length);
    let at = 0;
    for (const part of [...this.#pieces, piece]) {
      joined.set(part, at);
      at += part.length;
    }
    this.#pieces = [];
    this.#pieceBytes = 0;
    return joined;
  }

  #tooLong(): RecordingError {
    return new RecordingError(
      "RECORDING_LINE_TOO_LONG",
      this.#file,
      this.line,
      `is longer than ${LINE_BYTES_MAX} bytes`,
    );
  }
}

/** The file's text as it streams in; gzip is known by its first two bytes. */
export async function* chunksOf(
  file: string,
  position: { readonly line: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await openFile(file);
  try {
    const isGzip = await beginsAsGzip(handle);
    const plain = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK_BYTES });
    const gunzip = isGzip
      ? createGunzip({ chunkSize: CHUNK_BYTES, readableHighWaterMark: AHEAD_BYTES } as ZlibOptions)
      : undefined;
    const stream: Readable = gunzip === undefined ? plain : pipeline(plain, gunzip, () => {}); // its error comes out of the loop
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw fileError(file, position.line, error);
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, "r");
  } catch (error) {
    throw fileError(file, undefined, error);
  }
}

async function beginsAsGzip(handle: FileHandle): Promise<boolean> {
  const head = new Uint8Array(2);
  const { bytesRead } = await handle.read(head, 0, 2, 0);
  return bytesRead === 2 && head[0] === 0x1f && head[1] === 0x8b;
}

function fileError(file: string, line: number | undefined, error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  const options = { cause: error };
  if (code === "ENOENT")
    return new RecordingError("RECORDING_NOT_FOUND", file, undefined, "there is no such file", options);
  if (code === "EISDIR") return new RecordingError("RECORDING_UNREADABLE", file, undefined, "is a directory", options);
  if (code === "Z_BUF_ERROR") {
    return new RecordingError(
      "RECORDING_TRUNCATED",
      file,
      line,
      "the gzip data ends early: the file is cut short",
      options,
    );
  }
  if (typeof code === "string" && code.startsWith("Z_")) {
    return new RecordingError(
      "RECORDING_CORRUPT",
      file,
      line,
      `the gzip data is damaged (${(error as Error).message})`,
      options,
    );
  }
  if (typeof code !== "string") return error;
  return new RecordingError("RECORDING_UNREADABLE", file, undefined, `can't be read (${code})`, options);
}
