import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { describeTLV } from "../../src/protocol/schema/description.js";
import { ALL_TLVS } from "../../src/tlvs/all.js";
import { blocksOf } from "../support/markdown.js";
import { readVectors } from "../vectors.js";
import { alphapulse } from "./command.js";

const temp = mkdtempSync(join(tmpdir(), "alphapulse-cli-"));
afterAll(() => rmSync(temp, { recursive: true, force: true }));
let files = 0;
function fileOf(content: unknown): string {
  const file = join(temp, `${files++}.json`);
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

/** The file that the documentation shows. */
const page = blocksOf(readFileSync(new URL("../../docs/command-line.md", import.meta.url), "utf8"));
const shown = page.find(({ code }) => code.includes('"Iceberg"'))?.code as string;
const iceberg = JSON.parse(shown) as [Record<string, unknown>];
const own = fileOf(shown);
const value = {
  instrument: { venue: 102, assetType: 13, assetId: "1" },
  price: "150000000",
  slices: [{ size: "5", at: "1755000000123456789" }],
};

describe("types of one's own", () => {
  test("are encoded, decoded, checked and shown by every command that is given their file", async () => {
    const header = { source: 1_000, sequence: "0", timestamp: "1755000000123456789" };
    const { stdout, stderr } = await alphapulse([
      "encode",
      "-s",
      own,
      JSON.stringify({ header, tlvs: [{ name: "Iceberg", value }] }),
    ]);
    expect(stderr).toBe("");
    const hex = stdout.trim();
    const decoded = await alphapulse(["decode", "--schema", own, hex]);
    expect(JSON.parse(decoded.stdout)).toMatchObject({
      header: { relayDomain: 1 },
      tlvs: [{ type: 210, name: "Iceberg", value }],
    });
    expect((await alphapulse(["encode", "--schema", own], { stdin: decoded.stdout })).stdout).toBe(stdout);
    expect((await alphapulse(["decode", "--schema", own, "--pretty", hex])).stdout).toMatchInlineSnapshot(`
      "the argument  MarketData  source 1000  unsequenced  2025-08-12T12:00:00.123456789Z  74 bytes  crc32c
        Iceberg (210)
          instrument  Coinbase:SpotPair:0x1
          price       1.5
          slices      1 entry
            size        at
            0.00000005  2025-08-12T12:00:00.123456789Z
      "
    `);
    expect((await alphapulse(["decode", hex])).stdout).toContain('"raw"');
    expect((await alphapulse(["schema", "--schema", own, "210"])).stdout).toContain("group of 16 bytes");

    const long = JSON.stringify({
      header: { ...header, relayDomain: 1 },
      tlvs: [
        { type: 200, raw: "" },
        { type: 210, raw: "00" },
      ],
    });
    const wrong = (await alphapulse(["encode"], { stdin: long })).stdout;
    expect((await alphapulse(["verify"], { stdin: wrong })).code).toBe(0);
    const checked = await alphapulse(["verify", "--schema", own], { stdin: wrong });
    expect([checked.code, checked.stderr.split(":")[0]]).toEqual([1, "BAD_LENGTH"]);
  });

  test("come back from what schema --json prints, and so does every type of the protocol", async () => {
    const { stdout } = await alphapulse(["schema", "--json", "--schema", own]);
    const again = await alphapulse(["schema", "--json", "--schema", fileOf(stdout)]);
    expect(again).toEqual({ code: 0, stdout, stderr: "" });
    expect(JSON.parse(stdout)).toHaveLength(ALL_TLVS.length + 1);
  });

  test("read the golden messages as the protocol's own types do, where they describe the same fields", async () => {
    // The protocol's types under other numbers, and their messages with those.
    const described = ALL_TLVS.slice(0, 13).map((tlv, i) => ({
      ...describeTLV(tlv),
      type: 200 + i,
      name: `Own${tlv.name}`,
    }));
    const numberOf = new Map(ALL_TLVS.slice(0, 13).map(({ type }, i) => [type, 200 + i]));
    const golden = readVectors<{ header: object; tlvs: { type: number; value: object }[] }>("valid")
      .filter(({ tlvs }) => tlvs.length === 1 && numberOf.has((tlvs[0] as { type: number }).type))
      .map(({ header, tlvs }) => ({
        header,
        tlvs: tlvs.map((tlv) => ({ type: numberOf.get(tlv.type), value: tlv.value })),
      }));
    expect(golden.length).toBeGreaterThan(30);
    const file = fileOf(described);
    const encoded = await alphapulse(["encode", "--schema", file], { stdin: JSON.stringify(golden) });
    expect([encoded.code, encoded.stderr]).toEqual([0, ""]);
    const decoded = await alphapulse(["decode", "--schema", file], { stdin: encoded.stdout });
    const values = decoded.stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { tlvs: [{ value: object }] }).tlvs[0].value);
    expect(values).toEqual(golden.map(({ tlvs }) => tlvs[0]?.value));
  });

  const [good] = iceberg;
  test.each([
    ["no JSON", "{", "JSON"],
    ["no objects", [7], "it is no object"],
    ["an empty object", [{}], "a type of your own is 200 to 254"],
    ["a number of the protocol", [{ ...good, type: 19 }], "a type of your own is 200 to 254"],
    ["a name of the protocol", [{ ...good, name: "Trade" }], "type 1 is Trade already"],
    ["the same type twice", [good, { ...good, name: "Other" }], "type 2 of 2: type 210 is Iceberg already"],
    ["a strange key", [{ ...good, size: 1 }], 'it has no "size"'],
    ["a domain that is none", [{ ...good, domain: 9 }], "domain is 0 to 4"],
    ["a name that is none", [{ ...good, name: "an iceberg" }], "is not PascalCase"],
    ["a kind that is none", [{ ...good, fields: [{ name: "a", kind: "u7" }] }], '"u7" is no kind of field'],
    ["another size than it says", [{ ...good, fixedSize: 23 }], "its fields have 24 bytes, fixedSize says 23"],
  ])("a file with %s is wrong usage, and says why", async (_, content, said) => {
    const file = fileOf(content);
    const { code, stdout, stderr } = await alphapulse(["schema", "--schema", file]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^USAGE: /);
    expect(stderr).toContain(file);
    expect(stderr).toContain(said);
  });

  test("a file that is not there is told", async () => {
    const { code, stderr } = await alphapulse(["decode", "--schema", join(temp, "none.json"), "00"]);
    expect([code, stderr.split(":")[0]]).toEqual([2, "UNREADABLE"]);
  });
});
