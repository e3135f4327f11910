import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Colours a text, or leaves it as it is where there are no colours. */
export type Paint = (style: Style, text: string) => string;

const BUFFERED_CHARS = 32_768;

/** Standard output and standard error of a command. */
export class Terminal {
  /** Whether standard output goes to people. */
  readonly isInteractive: boolean;
  /** Colours for standard output. */
  readonly paint: Paint;
  /** Colours for standard error. */
  readonly paintError: Paint;
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  #pending = "";
  #isGone = false;

  constructor(out: NodeJS.WriteStream, err: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#out = out;
    this.#err = err;
    this.isInteractive = out.isTTY === true;
    this.paint = paintFor(out, env);
    this.paintError = paintFor(err, env);
    // A reader that has seen enough (`| head`) is no failure.
    for (const stream of [out, err]) {
      stream.on("error", (error: NodeJS.ErrnoException) => {
        this.#isGone = true;
        if (error.code !== "EPIPE") process.exitCode = 1;
      });
    }
  }

  /** Writes a line to standard output, sooner or later. */
  print(line: string): void {
    this.#pending += `${line}\n`;
    if (this.#pending.length > BUFFERED_CHARS) this.#write();
  }

  /** Writes a line to standard error, behind all that was printed before. */
  complain(line: string): void {
    this.#write();
    if (!this.#isGone) this.#err.write(`${line}\n`);
  }

  /** Waits until the reader has taken what was printed. Returns false where it is gone: nobody reads any more. */
  async flush(): Promise<boolean> {
    this.#write();
    if (!this.#isGone && this.#out.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        for (const event of ["drain", "error", "close"]) this.#out.once(event, resolve);
      });
    }
    return !this.#isGone;
  }

  #write(): void {
    if (this.#pending !== "" && !this.#isGone) this.#out.write(this.#pending);
    this.#pending = "";
  }
}

/** NO_COLOR is stronger than FORCE_COLOR, which is stronger than what the stream is. */
function paintFor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Paint {
  const { NO_COLOR = "", FORCE_COLOR, TERM } = env;
  const isForced = FORCE_COLOR !== undefined && FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  const isTerminal = (stream as WriteStream).isTTY === true && TERM !== "dumb" && FORCE_COLOR === undefined;
  if (NO_COLOR !== "" || !(isForced || isTerminal)) return (_, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}
