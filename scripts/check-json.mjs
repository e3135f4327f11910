/** Reads standard input and fails unless it is one JSON value that is not empty. Prints the start of it. */
import { text } from "node:stream/consumers";

const input = await text(process.stdin);
const value = JSON.parse(input);
if (value === null || typeof value !== "object" || Object.keys(value).length === 0) {
  process.stderr.write(`check-json: an object or array with content is expected, not ${input.slice(0, 80)}\n`);
  process.exit(1);
}
process.stdout.write(`${JSON.stringify(value).slice(0, 200)}\n`);
