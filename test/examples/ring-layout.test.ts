import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as layout from "../../src/rings/layout.js";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const NUMBERS = new Map(Object.entries(layout).filter(([, value]) => typeof value === "number"));
const { MAGIC, LAYOUT_VERSION, CLOSED_WORD, TAIL_WORD, RECORDS_WORD, LATEST_WORD, INTENT_WORD } = layout;

test("the C header has the numbers of the layout", () => {
  const header = read("examples/other-languages/alphapulse_ring.h");
  const numbers = new Map(
    [...header.matchAll(/\bAP_(\w+)(?: =|) (0x[0-9a-f]+|\d+)u?\b/g)].map(([, k, v]) => [`${k}`, Number(v)]),
  );
  for (const [name, value] of numbers) if (NUMBERS.has(name)) expect(value, name).toBe(NUMBERS.get(name));
  expect([...numbers.keys()].filter((name) => NUMBERS.has(name))).toHaveLength(18);
  expect(numbers.get("BROADCAST")).toBe(layout.RING_KINDS.indexOf("broadcast") + 1);
  expect(numbers.get("ATTACHED_PLACE")).toBe(layout.PLACE_COUNT);
  expect(numbers.get("BYTES_MASK")).toBe(layout.bytesOf(-1));
});

test("the Python script has the numbers of the layout", () => {
  const script = read("examples/other-languages/read_trades.py");
  for (const [names, values] of [
    ["MAGIC, LAYOUT_VERSION, BROADCAST", [`0x${MAGIC.toString(16)}`, LAYOUT_VERSION, 3]],
    ["CLOSED, TAIL, RECORDS, LATEST, INTENT", [CLOSED_WORD, TAIL_WORD, RECORDS_WORD, LATEST_WORD, INTENT_WORD]],
    ["RING_HEADER_BYTES, RECORD_HEADER_BYTES", [layout.RING_HEADER_BYTES, layout.RECORD_HEADER_BYTES]],
    ["RECORD, PADDING", [layout.RECORD, layout.PADDING]],
  ] as const) {
    expect(script).toContain(`${names} = ${values.join(", ")}`);
  }
});

test("docs/rings.md draws the control block as it is", () => {
  const page = read("docs/rings.md");
  const rows = [...page.matchAll(/^ *(\d+) +(\d+) {2}([A-Z]+)\b/gm)].map(([, byte, word, name]) => [name, word, byte]);
  const words = [CLOSED_WORD, TAIL_WORD, RECORDS_WORD, LATEST_WORD, INTENT_WORD, layout.HEAD_WORD, layout.FREED_WORD];
  const names = ["CLOSED", "TAIL", "RECORDS", "LATEST", "INTENT", "HEAD", "FREED"];
  expect(rows).toEqual(words.map((word, index) => [names[index], `${word}`, `${word * 4}`]));
  expect(page).toContain(`magic 0x${MAGIC.toString(16)}`);
  expect(page).toContain(`layout version ${LAYOUT_VERSION}\n`);
  expect(page).toMatch(new RegExp(`^ ${layout.RING_HEADER_BYTES} +records: capacity bytes$`, "m"));
  expect(page).toContain("`word & 0x01fffff8`");
});
