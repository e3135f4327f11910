import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseMessage } from "../../src/protocol/message.js";
import { ALL_TLVS } from "../../src/tlvs/all.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { HeartbeatTLV } from "../../src/tlvs/system.js";
import { fromHex, readVectors } from "../vectors.js";
import { alphapulse } from "./command.js";

const temp = mkdtempSync(join(tmpdir(), "alphapulse-cli-"));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const DOMAINS = new Map(ALL_TLVS.map(({ name, domain }) => [name as string, domain === 0 ? 1 : domain]));
const EXTENSIONS = new Set(ALL_TLVS.filter(({ domain }) => domain === 0).map(({ name }) => name as string));
const HEADER = { relayDomain: 1, source: 3, sequence: "7", timestamp: "1755000000123456789" };
const TRADE = {
  instrument: { venue: 102, assetType: 13, symbol: "BTC-USD" },
  price: "-6100010000000",
  volume: "25000000",
  exchangeTimestamp: 5,
  side: 2,
  flags: 0,
};
const message = (tlvs: unknown, header: object = HEADER): string => JSON.stringify({ header, tlvs });

describe("encode", () => {
  test("makes hex, base64 or a file of the same bytes", async () => {
    const json = message([{ name: "Trade", value: TRADE }]);
    const { code, stdout, stderr } = await alphapulse(["encode", json]);
    expect([code, stderr]).toEqual([0, ""]);
    const found = parseMessage(fromHex(stdout.trim()));
    expect(found.header).toMatchObject({
      relayDomain: 1,
      source: 3,
      sequence: 7n,
      timestamp: 1_755_000_000_123_456_789n,
    });
    expect(found.get(TradeTLV)).toMatchObject({ price: -6_100_010_000_000n, exchangeTimestamp: 5n, side: 2 });
    expect(String(found.get(TradeTLV)?.instrument)).toBe("Coinbase:SpotPair:BTC-USD");

    const base64 = await alphapulse(["encode", "--base64", json]);
    expect(Buffer.from(base64.stdout, "base64").toString("hex")).toBe(stdout.trim());
    const file = join(temp, "two.bin");
    await alphapulse(["encode", "--out", file], { stdin: json + json });
    expect(readFileSync(file).toString("hex")).toBe(stdout.trim().repeat(2));
  });

  test("reads objects on one line or many, or in an array", async () => {
    const json = message([{ type: 1, value: TRADE }]);
    const pretty = JSON.stringify(JSON.parse(json), null, 2);
    const { code, stdout } = await alphapulse(["encode"], {
      stdin: `${json}\n${pretty}${json}\n[${json},\n${pretty}]`,
    });
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    expect(new Set(lines).size).toBe(1);
  });

  test("what the header does not say has a default, unknown types are raw", async () => {
    const value = { status: 2, intervalMs: 1_000, lastSequence: "1" };
    const tlvs = [
      { name: "heartbeat", value },
      { type: 254, raw: "0xC0ffee" },
    ];
    const before = BigInt(Date.now() - 1) * 1_000_000n;
    const { stdout } = await alphapulse(["encode", "--checksum", "crc32", JSON.stringify({ tlvs })]);
    const found = parseMessage(fromHex(stdout.trim()), { checksum: "crc32" });
    expect(found.header).toMatchObject({ relayDomain: 4, source: 100, sequence: 0n });
    expect(found.header.timestamp).toBeGreaterThan(before);
    expect(found.get(HeartbeatTLV)).toMatchObject({ intervalMs: 1_000 });
    expect([...found][1]).toEqual({ type: 254, value: fromHex("c0ffee") });
  });

  test("every value that no field can hold is refused, and the error names TLV, field and value", async () => {
    const vectors = readVectors<{ name: string; field: string; value: object }>("unencodable");
    // Behind a TLV that may be first, so that extensions may stand there.
    const first = (name: string) => (EXTENSIONS.has(name) ? [{ type: 200, raw: "" }] : []);
    const stdin = vectors
      .map(({ name, value }) =>
        JSON.stringify({ header: { relayDomain: DOMAINS.get(name) }, tlvs: [...first(name), { name, value }] }),
      )
      .join("\n");
    const { code, stdout, stderr } = await alphapulse(["encode"], { stdin });
    expect([code, stdout]).toEqual([1, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(vectors.length);
    vectors.forEach(({ name, field }, i) => {
      expect(lines[i]).toMatch(
        new RegExp(`^VALUE_RANGE: line ${i + 1}: ${name}\\.${field}\\b.* does not fit: expected`),
      );
    });
  });

  test.each([
    ["no object", "7", "BAD_JSON", "a message is no object"],
    ["no JSON", "{nope}", "BAD_JSON", "JSON"],
    ["a strange key", '{"tlv": []}', "BAD_JSON", 'a message has no "tlv", only checksum, header, tlvs'],
    ["no TLVs", "{}", "BAD_JSON", "a message has tlvs"],
    ["an unknown name", message([{ name: "Trades", value: {} }]), "BAD_JSON", 'there is no type "Trades"'],
    ["a name of another type", message([{ name: "Trade", type: 2, value: {} }]), "BAD_JSON", "Trade is type 1"],
    ["an unknown type with a value", message([{ type: 210, value: {} }]), "BAD_JSON", "tlvs[0]: type 210 is not known"],
    ["neither value nor raw", message([{ type: 210 }]), "BAD_JSON", "tlvs[0] needs either value or raw"],
    [
      "a missing field",
      message([{ type: 1, value: { ...TRADE, side: undefined } }]),
      "VALUE_RANGE",
      "Trade.side: undefined",
    ],
    ["a strange field", message([{ type: 1, value: { ...TRADE, prise: 1 } }]), "VALUE_RANGE", "Trade.prise: 1"],
    ["a float", message([{ type: 1, value: { ...TRADE, price: 1.5 } }]), "VALUE_RANGE", "Trade.price: 1.5"],
    [
      "a number that JSON rounds",
      message([{ type: 1, value: { ...TRADE, price: 2 ** 60 } }]),
      "VALUE_RANGE",
      "Trade.price",
    ],
    ["a source of 17 bits", message([], { ...HEADER, source: 65_536 }), "VALUE_RANGE", "header.source: 65536"],
    ["a negative sequence", message([], { ...HEADER, sequence: "-1" }), "VALUE_RANGE", "header.sequence: -1n"],
    ["another domain", message([{ type: 20, raw: "" }]), "DOMAIN_MISMATCH", "type 20 belongs to Signal"],
    ["no domain", message([], {}), "BAD_JSON", "header.relayDomain is needed"],
    [
      "a domain that the builder would change",
      message([{ type: 80, raw: "00" }]),
      "DOMAIN_MISMATCH",
      "the first TLV is of System",
    ],
    ["an extension first", message([{ type: 105, raw: "" }]), "BAD_TLV", "extension 105"],
    ["another version", message([], { ...HEADER, version: 2 }), "UNSUPPORTED_VERSION", "header.version: 2"],
  ])("%s is an error", async (_, json, errorCode, said) => {
    const { code, stdout, stderr } = await alphapulse(["encode", json]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(new RegExp(`^${errorCode}: the argument: `));
    expect(stderr).toContain(said);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("a message that cannot be is left out, and the others are made", async () => {
    const good = message([{ name: "Trade", value: TRADE }]);
    const { code, stdout, stderr } = await alphapulse(["encode"], { stdin: `${good}\n{}\n${good}` });
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(stderr).toContain("line 2: ");
  });

  test("text that goes on as no JSON does ends it, at its line", async () => {
    const good = message([{ name: "Trade", value: TRADE }]);
    const strange = await alphapulse(["encode"], { stdin: `${good}\nefbeadde` });
    expect([strange.code, strange.stderr]).toEqual([1, 'BAD_JSON: line 2: "e" starts no JSON object\n']);
    expect(strange.stdout).not.toBe("");
    const open = await alphapulse(["encode"], { stdin: `\n\n${good.slice(0, -1)}` });
    expect([open.code, open.stderr]).toEqual([1, "BAD_JSON: line 3: the object that starts here does not end\n"]);
  });
});
