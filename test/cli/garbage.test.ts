import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMessage } from "../../src/cli/checked.js";
import { faultOf, renderFault } from "../../src/cli/fault.js";
import { JsonStream } from "../../src/cli/json-stream.js";
import { KnownTypes } from "../../src/cli/known-types.js";
import { messageToJson } from "../../src/cli/message-json.js";
import { prettyMessage } from "../../src/cli/pretty.js";
import { ProtocolError } from "../../src/protocol/errors.js";
import { fromHex, readVectors } from "../vectors.js";
import { alphapulse } from "./command.js";

const known = new KnownTypes();
const messages = readVectors<{ hex: string }>("valid").map(({ hex }) => fromHex(hex));
const short = messages.filter(({ byteLength }) => byteLength < 1_000);
const plain = (_: string, text: string): string => text;

/** A golden message with some bytes changed, and cut or lengthened. */
const mutated = fc
  .tuple(
    fc.constantFrom(...short),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    fc.option(fc.nat({ max: 1_000 }), { freq: 3 }),
  )
  .map(([message, changes, length]) => {
    const bytes = new Uint8Array(length ?? message.byteLength);
    bytes.set(message.subarray(0, bytes.byteLength));
    for (const [at, byte] of changes) if (bytes.byteLength > 0) bytes[at % bytes.byteLength] = byte;
    return bytes;
  });

describe("bytes of any kind", () => {
  test("are shown, or give a fault with a mark under one of their bytes or behind the last", () => {
    const codes = new Set<string>();
    let shown = 0;
    fc.assert(
      fc.property(mutated, fc.nat({ max: 100_000 }), (bytes, at) => {
        const where = { input: "input", ordinal: 3, at };
        try {
          const decoded = decodeMessage(bytes, "none", 1 << 20, known);
          prettyMessage(decoded, where, { paint: plain, entriesMax: 3 });
          JSON.parse(messageToJson(decoded));
          shown++;
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          codes.add(error.code);
          const fault = faultOf(error, where, bytes, known);
          expect(fault.offset).toBeLessThanOrEqual(bytes.byteLength);
          expect(fault.offset).toBeGreaterThanOrEqual(0);
          const lines = renderFault(fault, plain).split("\n");
          expect(lines.filter((line) => /^ +\^\^$/.test(line))).toHaveLength(1);
          expect(lines.length).toBeLessThanOrEqual(7);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(shown).toBeGreaterThan(100);
    expect(codes.size).toBeGreaterThanOrEqual(9);
  });

  test("end a command with 1 and a line that says why, never with a stack trace", async () => {
    const samples = fc.sample(fc.oneof(mutated, fc.uint8Array({ minLength: 1, maxLength: 300 })), 24);
    const commands = ["decode", "verify", "encode"];
    await Promise.all(
      commands.map(async (command) => {
        for (const stdin of samples.slice(0, 8)) {
          const { code, stderr } = await alphapulse([command], { stdin });
          expect(stderr).not.toMatch(/^ +at |INTERNAL|node:/m);
          if (code !== 0) expect(stderr).toMatch(/^[A-Z_]+: /);
        }
      }),
    );
  });
});

describe("JSON", () => {
  test("cut into chunks anywhere gives the same objects, at the same lines", () => {
    let crossed = 0;
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(object, fc.constantFrom("\n", "", ",", " [\n")), { maxLength: 6 }),
        fc.integer({ min: 1, max: 20 }),
        (parts, size) => {
          const text = parts.map(([value, gap], i) => JSON.stringify(value, null, i % 3) + gap).join("");
          const found: [unknown, number][] = [];
          const stream = new JsonStream((object, line) => found.push([JSON.parse(object), line]));
          const bytes = Buffer.from(text);
          for (let at = 0; at < bytes.byteLength; at += size) stream.push(bytes.subarray(at, at + size));
          stream.end();
          crossed += Number(bytes.byteLength > size);
          let line = 1;
          const expected = parts.map(([value, gap], i) => {
            const at = line;
            line += (JSON.stringify(value, null, i % 3) + gap).split("\n").length - 1;
            return [JSON.parse(JSON.stringify(value)), at];
          });
          expect(found).toEqual(expected);
        },
      ),
    );
    expect(crossed).toBeGreaterThan(50);
  });
});
