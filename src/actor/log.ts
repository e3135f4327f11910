/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Values that go with a line. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** One line, as it reaches whoever listens to the pipeline's log. */
export interface LogLine {
  readonly level: LogLevel;
  /** Who says it. */
  readonly actor: string;
  readonly message: string;
  readonly fields: LogFields;
  /** The actor's clock: whole microseconds since the Unix epoch. */
  readonly atUs: number;
}

/** An actor's log. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
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
