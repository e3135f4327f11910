import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { examine } from "./fuzz/examine.js";
import { fuzz } from "./fuzz/session.js";
import { fromHex, readVectors } from "./vectors.js";

const FINDS = fileURLToPath(new URL("./fuzz/finds/", import.meta.url));
const golden = readVectors<{ hex: string }>("valid").map(({ hex }) => fromHex(hex));

const finds = existsSync(FINDS) ? readdirSync(FINDS).filter((file) => file.endsWith(".hex")) : [];

test("what fuzzing found stays mended", () => {
  for (const file of finds) {
    const lines = readFileSync(FINDS + file, "utf8").split("\n");
    const hex = lines.filter((line) => !line.startsWith("#")).join("");
    expect(hex, file).toMatch(/^([0-9a-f]{2})+$/);
    expect(() => examine(fromHex(hex), () => {}), file).not.toThrow();
  }
});

describe("fuzzing", () => {
  test("finds nothing in a short session, and reaches every layer", () => {
    const found: string[] = [];
    const { inputs, outcomes } = fuzz({
      seed: "a fixed one",
      golden: golden.filter(({ byteLength }) => byteLength < 2_000),
      goesOn: (count) => count < 3_000,
      onFind: (bytes, fault) => void found.push(`${Buffer.from(bytes).toString("hex")}: ${fault.stack}`),
    });
    expect(found).toEqual([]);
    expect(inputs).toBe(3_000);
    const codes = ["TRUNCATED", "BAD_MAGIC", "UNSUPPORTED_VERSION", "BAD_DOMAIN", "TOO_LARGE", "SIZE_MISMATCH"];
    const deeper = ["CHECKSUM_MISMATCH", "BAD_TLV", "TLV_TRUNCATED", "DOMAIN_MISMATCH", "read"];
    const expected = [
      ...[...codes, ...deeper].map((code) => `message: ${code}`),
      ...["BAD_LENGTH", "BAD_TEXT", "read"].map((code) => `value: ${code}`),
      ...["BAD_MAGIC", "UNSUPPORTED_VERSION", "BAD_DOMAIN", "TOO_LARGE", "waits for more", "read"].map(
        (end) => `stream: ${end}`,
      ),
      ...["flyweight: all accessors read", "written: the same bytes", "written: other bytes"],
    ];
    expect(expected.filter((outcome) => (outcomes.get(outcome) ?? 0) < 10)).toEqual([]);
    expect([...outcomes.keys()].filter((outcome) => !expected.includes(outcome))).toEqual([]);
  }, 60_000);

  test("tells of each kind of fault once: an error that is no ProtocolError, and bytes that take too long", () => {
    const told: string[] = [];
    const session = fuzz({
      seed: "1",
      golden: golden.filter(({ byteLength }) => byteLength < 500),
      goesOn: (count) => count < 40,
      onFind: (bytes, fault) => void told.push(`${bytes.byteLength > 0} ${fault.message}`),
      examine(bytes) {
        if (bytes.byteLength % 2 === 0) throw new RangeError(`offset ${bytes.byteLength} is out of bounds`);
        const isTold = told.some((text) => text.endsWith(" ms"));
        const start = process.cpuUsage();
        while (!isTold && process.cpuUsage(start).user < (400 + bytes.byteLength / 50) * 1_000);
      },
    });
    expect(told.sort()).toEqual([
      expect.stringMatching(/^true \d+ bytes take more than [\d.]+ ms$/),
      expect.stringMatching(/^true offset \d+ is out of bounds$/),
    ]);
    expect(session.finds).toBe(2);
  });

  test("makes the same inputs of the same seed", () => {
    const inputsOf = (seed: string): string[] => {
      const made: string[] = [];
      fuzz({
        seed,
        golden,
        goesOn: (count) => count < 20,
        onFind: () => {},
        examine: (bytes) => void made.push(Buffer.from(bytes).toString("base64")),
      });
      return made;
    };
    expect(inputsOf("1")).toEqual(inputsOf("1"));
    expect(inputsOf("1")).not.toEqual(inputsOf("2"));
  });
});
