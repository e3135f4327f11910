/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Values that go with a line. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** One line, as it reaches whoever listens to the pipeline's log. */
export interface LogLine {
  /** How much it matters. */
  readonly level: LogLevel;
  /** Who says it. */
  readonly actor: string;
  /** What is said, without its values. */
  readonly message: string;
  /** The values. */
  readonly fields: LogFields;
  /** The actor's clock: whole microseconds since the Unix epoch. */
  readonly atUs: number;
}

/** An actor's log. */
export interface Log {
  /** For whoever looks for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What a run is expected to say. */
  info(message: string, fields?: LogFields): void;
  /** Something went wrong and the actor goes on. */
  warn(message: string, fields?: LogFields): void;
  /** Something went wrong that somebody has to see to. */
  error(message: string, fields?: LogFields): void;
}

/** A log that hands each line on. */
export function makeLog(actor: string, nowUs: () => number, write: (line: LogLine) => void): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      write({ level, actor, message, fields, atUs: nowUs() });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
