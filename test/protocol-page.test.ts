import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { crc32, crc32c } from "../src/protocol/checksum.js";
import { InstrumentId, writeInstrument } from "../src/protocol/instrument-id.js";
import { parseMessage } from "../src/protocol/message.js";
import { anchorsOf, blocksOf } from "./support/markdown.js";
import { fromHex, readVectors, toHex } from "./vectors.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const page = readFileSync(join(ROOT, "docs/protocol.md"), "utf8");

test("docs/protocol.md and the Wireshark dissector say what the schemas say", async () => {
  const script = join(ROOT, "scripts/generate-docs.mjs");
  const { stderr } = await promisify(execFile)(process.execPath, [script, "--check"]).catch(
    (error: { stderr: string }) => error,
  );
  expect(stderr).toBe("");
});

describe("what docs/protocol.md works out", () => {
  test("the check values of the checksums", () => {
    const view = new DataView(new TextEncoder().encode("123456789").buffer);
    for (const checksum of [crc32c, crc32]) {
      const value = checksum(view, 0, 9, 0).toString(16).toUpperCase();
      expect(page).toContain(`\`123456789\`${checksum === crc32c ? " give" : " gives"} 0x${value}`);
    }
  });

  test("the bytes of the ids, of every form", () => {
    const rows = [...page.matchAll(/^\| (symbol|address|number) `(.+?)` \| (\d+)[^|]* \| (\d+) \w+ \| `(.+)` \|$/gm)];
    expect(rows.map(([, form]) => form)).toEqual([...Array(5).fill("symbol"), "address", "address", "number"]);
    const ids = rows.map(([, form, from = "", venue, assetType]) =>
      form === "number"
        ? new InstrumentId(Number(venue), Number(assetType), BigInt(from))
        : InstrumentId.of(Number(venue), Number(assetType), from),
    );
    expect(ids.map(bytesOf)).toEqual(rows.map((row) => row[5]));
    const [, pair] = /^\| pair of the two above .*`(.+)` \|$/m.exec(page) ?? [];
    expect(bytesOf(InstrumentId.ofPair(301, ids[5] as InstrumentId, ids[6] as InstrumentId))).toBe(pair);
  });

  test("the message, byte by byte", () => {
    const blocks = blocksOf(page);
    const at = blocks.findIndex(({ isRun }) => isRun);
    const hex = (blocks[at + 1]?.code ?? "").replaceAll("\n", "");
    const lines = [...(blocks[at + 2]?.code ?? "").matchAll(/^ ?(\d+) {2}((?:[0-9a-f]{2} )+) *(.+)$/gm)];
    expect(lines.map(([, , bytes = ""]) => bytes.replaceAll(" ", "")).join("")).toBe(hex);
    let offset = 0;
    for (const [, start, bytes = "", meaning = ""] of lines) {
      expect(Number(start)).toBe(offset);
      const row = fromHex(bytes.replaceAll(" ", ""));
      offset += row.byteLength;
      const little = row.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
      // Each note shows the value of its bytes, as a number or, where it says so, as hex or text.
      const shown = /"(.+)"$/.exec(meaning)?.[1];
      const number = /\b(0x[0-9a-f]+|\d+)\b/.exec(meaning.replace(/"(.+)"$/, ""))?.[1];
      if (meaning.includes("incarnation"))
        expect(meaning).toBe(`sequence: counter ${little % 2n ** 40n} of incarnation ${little >> 40n}`);
      else if (meaning.endsWith("(zero)")) expect(little).toBe(0n);
      else if (number !== undefined) expect(BigInt(number), meaning).toBe(little);
      else expect(Buffer.from(row).toString()).toBe(shown);
    }
    const { header } = parseMessage(fromHex(hex));
    expect(header.payloadSize + 32).toBe(offset);
  });

  test("every error that bytes can give is in the table of checks", () => {
    const given = new Set(readVectors<{ error: string }>("invalid").map(({ error }) => error));
    const [, checks = ""] = /## What a reader checks\n([\s\S]*?)\n## /.exec(page) ?? [];
    for (const code of given) expect(checks).toContain(`| ${code} |`);
  });
});

test("every section that a source or a page cites is there", () => {
  const anchors = anchorsOf(page);
  const cited: string[] = [];
  for (const folder of ["src", "docs", "examples", "test"]) {
    for (const file of readdirSync(join(ROOT, folder), { recursive: true }) as string[]) {
      if (!/\.(ts|md|mjs)$/.test(file)) continue;
      // A citation may go on in the next line of a comment.
      const text = readFileSync(join(ROOT, folder, file), "utf8").replace(/\n\s*(?:\*|\/\/) ?/g, " ");
      for (const [, titles = ""] of text.matchAll(/docs\/protocol\.md, ((?:"[^"]+"(?:, | and )?)+)/g))
        for (const [, title = ""] of titles.matchAll(/"([^"]+)"/g)) cited.push(title);
    }
  }
  expect(cited.length).toBeGreaterThan(15);
  expect(cited.filter((title) => !anchors.has(title.toLowerCase().replaceAll(" ", "-")))).toEqual([]);
});

/** As the page writes them. */
function bytesOf(id: InstrumentId): string {
  const bytes = new Uint8Array(12);
  const complaints = {
    range(field: string): never {
      throw new RangeError(field);
    },
  };
  writeInstrument(new DataView(bytes.buffer), 0, id, complaints, "id");
  return (toHex(bytes).match(/../g) ?? []).join(" ");
}
