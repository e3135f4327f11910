#!/usr/bin/env node
// The command line, as `npx alphapulse`. Built as a file of its own.
import { readFileSync } from "node:fs";
import { AlphaPulseError } from "../protocol/errors.js";
import { decode } from "./decode.js";
import { encode } from "./encode.js";
import { InputError } from "./errors.js";
import { COMMON, type Command, EXIT, helpOf, parseGiven } from "./options.js";
import { printable, quoted } from "./printable.js";
import { schema } from "./schema.js";
import { Terminal } from "./terminal.js";
import { verify } from "./verify.js";

const COMMANDS: readonly Command[] = [decode, encode, verify, schema];

const OVERVIEW = `alphapulse <command> [options] [arguments]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)}  ${summary}`).join("\n")}

  alphapulse <command> --help  what a command can do
  alphapulse --version       the version of the package
  alphapulse --help          this

Colours are for terminals: NO_COLOR takes them away, FORCE_COLOR brings them. Exit 0: good, 1: bad data, 2: wrong usage.`;

async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) {
    terminal.complain(OVERVIEW);
    return EXIT.usage;
  }
  if (first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    terminal.print(OVERVIEW);
    return EXIT.good;
  }
  if (first === "--version" || first === "-v") {
    terminal.print(versionOf());
    return EXIT.good;
  }
  const name = first === "help" ? rest[0] : first;
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) throw new InputError("USAGE", `there is no command ${quoted(name ?? "")}: try --help`);
  const given = parseGiven(first === "help" ? ["--help"] : rest, { ...command.options, ...COMMON });
  if (given.values.help === true) {
    terminal.print(helpOf(command));
    return EXIT.good;
  }
  return command.run(given, { terminal, stdin: process.stdin });
}

function versionOf(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

const terminal = new Terminal(process.stdout, process.stderr, process.env);
try {
  process.exitCode = await main(process.argv.slice(2), terminal);
} catch (error) {
  const { code, message } = error instanceof AlphaPulseError ? error : { code: "INTERNAL", message: String(error) };
  terminal.complain(`${terminal.paintError("red", code)}: ${printable(message)}`);
  process.exitCode = error instanceof InputError && error.isUsage ? EXIT.usage : EXIT.badData;
}
await terminal.flush();
