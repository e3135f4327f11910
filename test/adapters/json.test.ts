import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { skipSpace, skipValue, withoutEscapes } from "../../src/adapters/json.js";
import { AdapterError } from "../../src/adapters.js";

/** Whether our walk takes a text as one JSON value. */
function takes(text: string): boolean {
  const bytes = new TextEncoder().encode(`${text}\0`);
  try {
    return skipSpace(bytes, skipValue(bytes, skipSpace(bytes, 0))) === bytes.length - 1;
  } catch (error) {
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toHaveProperty("code", "BAD_FRAME");
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("the JSON walk", () => {
  test("takes what JSON.parse takes", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, "\t"), (text, space) => {
        expect(takes(JSON.stringify(JSON.parse(text), null, space))).toBe(true);
      }),
    );
  });

  test.each([
    "",
    " ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "{]",
    "[1,]",
    "[,1]",
    "{,}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "[1 2]",
    "01",
    "-",
    "-01",
    "1.",
    ".1",
    "1e",
    "1e+",
    "+1",
    "0x1",
    "tru",
    "True",
    "nul",
    "nulll",
    "NaN",
    "'a'",
    '"\\x"',
    '"\\u12g4"',
    '"\\',
    '"a\u0001"',
    '"a\n"',
    "1 1",
    "{}{}",
    "[]]",
  ])("refuses %j", (text) => {
    expect([takes(text), parses(text)]).toEqual([false, false]);
  });

  test("says the same as JSON.parse of damaged text", () => {
    const reached = { good: 0, bad: 0 };
    const damage = fc.record({
      at: fc.nat(200),
      what: fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", "e", " ", "\u0000", "t"),
    });
    fc.assert(
      fc.property(fc.json(), damage, fc.boolean(), (text, { at, what }, replaces) => {
        const place = at % (text.length + 1);
        const damaged = text.slice(0, place) + what + text.slice(replaces ? place + 1 : place);
        const expected = parses(damaged);
        if (expected) reached.good++;
        else reached.bad++;
        expect(takes(damaged)).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(reached.good, reached.bad)).toBeGreaterThan(300);
  });

  test("goes 64 values deep and no deeper", () => {
    expect(takes("[".repeat(64) + "]".repeat(64))).toBe(true);
    expect(takes("[".repeat(65) + "]".repeat(65))).toBe(false);
    expect(takes("[".repeat(100_000))).toBe(false); // and never runs out of stack
  });

  test("resolves escapes without changing what the text says", () => {
    const escaped = fc.string({ unit: "binary" }).chain((text) =>
      fc.array(fc.boolean(), { minLength: text.length, maxLength: text.length }).map((choices) => {
        const units = [...choices.keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`);
        return { text, written: `["${units.join("")}",${JSON.stringify(text)},"\\/"]` };
      }),
    );
    fc.assert(
      fc.property(escaped, ({ text, written }) => {
        const resolved = new TextDecoder().decode(withoutEscapes(new TextEncoder().encode(written)));
        expect(JSON.parse(resolved)).toEqual([text, text, "/"]);
        expect(resolved).not.toMatch(/\\u00[4-6]|\\\//);
      }),
    );
    const plain = new TextEncoder().encode('{"\\u0065":"\\u0042TC\\ud83d\\ude00\\""}');
    expect(new TextDecoder().decode(withoutEscapes(plain))).toBe('{"e":"BTC😀\\""}');
  });
});
