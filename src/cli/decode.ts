import { ProtocolError } from "../protocol/errors.js";
import { CHECKSUM_CHOICES, decodeMessage } from "./checked.js";
import { faultOf, renderFault } from "./fault.js";
import { readInput } from "./input.js";
import { messageToJson } from "./message-json.js";
import { type Command, choiceOf, countOf, EXIT, payloadBytesMaxOf, READING, usage } from "./options.js";
import { prettyMessage } from "./pretty.js";
import { printable } from "./printable.js";
import { knownTypesOf, SCHEMA_OPTION } from "./schema-file.js";

const ENTRIES_MAX = 20;

/** `alphapulse decode`: messages for people, or as lines of JSON. */
export const decode: Command = {
  name: "decode",
  synopsis: "[options] [<message> ...]",
  summary: "Shows messages: for people on a terminal, else as one line of JSON each, which `encode` reads.",
  options: {
    ...READING,
    ...SCHEMA_OPTION,
    json: { type: "boolean", help: "one line of JSON per message (default in a pipe)" },
    pretty: { type: "boolean", help: "for people (default on a terminal)" },
    entries: {
      type: "string",
      value: "<count>",
      help: `how many entries of a group --pretty shows (default ${ENTRIES_MAX}, 0: all)`,
    },
  },
  notes: `A <message> is hex; blanks, newlines, commas, colons and 0x may stand between its digits. Without one, standard input
is read: lines of hex or base64, or the bytes of messages. What is wrong goes to standard error, with the byte to look at.
Exit 0: all good, 1: some bytes are no good message, 2: wrong usage.`,

  async run(given, context) {
    const { terminal } = context;
    const { json, pretty } = given.values;
    if (json === true && pretty === true) throw usage("either --json or --pretty, not both");
    const isPretty = pretty === true || (json !== true && terminal.isInteractive);
    const choice = choiceOf(given, "checksum", CHECKSUM_CHOICES);
    const payloadBytesMax = payloadBytesMaxOf(given);
    const options = { paint: terminal.paint, entriesMax: countOf(given, "entries", ENTRIES_MAX, 65_535) };
    const known = knownTypesOf(given);
    let faults = 0;
    await readInput(given, context, known, {
      message(bytes, where) {
        try {
          const decoded = decodeMessage(bytes, choice, payloadBytesMax, known);
          terminal.print(isPretty ? prettyMessage(decoded, where, options) : messageToJson(decoded));
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          this.fault(faultOf(error, where, bytes, known));
        }
      },
      fault(fault) {
        faults++;
        terminal.complain(renderFault(fault, terminal.paintError));
      },
      refused(error) {
        faults++;
        terminal.complain(`${terminal.paintError("red", error.code)}: ${printable(error.message)}`);
      },
    });
    return faults === 0 ? EXIT.good : EXIT.badData;
  },
};
