import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { AssetType, RelayDomain, Source, Venue } from "../../src/protocol/tables.js";
import { DecimalsTLV } from "../../src/tlvs/extension.js";
import { OrderBookTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { StrategyAlertTLV } from "../../src/tlvs/signal.js";
import { StatusReportTLV } from "../../src/tlvs/system.js";
import { blocksOf } from "../support/markdown.js";
import { fromHex, readVectors, toHex } from "../vectors.js";
import { alphapulse, CLI } from "./command.js";

interface Valid {
  label: string;
  hex: string;
  checksum: string;
  header: object;
  tlvs: object[];
}

const valid = readVectors<Valid>("valid");
const invalid = readVectors<{ label: string; hex: string; error: string }>("invalid");

const temp = mkdtempSync(join(tmpdir(), "alphapulse-cli-"));
const file = (name: string): string => join(temp, name);
beforeAll(() => writeFileSync(file("valid.bin"), Buffer.from(valid.map(({ hex }) => hex).join(""), "hex")));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
const timestamp = 1_755_000_000_123_456_789n;
const trade = {
  instrument,
  price: 6_100_010_000_000n,
  volume: 25_000_000n,
  exchangeTimestamp: timestamp,
  side: 2,
  flags: 0,
};

function market(): TLVBuilder {
  return new TLVBuilder({ domain: RelayDomain.MarketData, source: Source.CoinbaseCollector });
}
const STAMP = { sequence: 7n, timestamp };
const tradeHex = toHex(market().add(TradeTLV, trade).build(STAMP));

describe("golden messages", () => {
  test("a file of all gives their headers and values as lines of JSON", async () => {
    const { code, stdout, stderr } = await alphapulse(["decode", "--file", file("valid.bin")]);
    expect([code, stderr]).toEqual([0, ""]);
    const found: unknown[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(found).toEqual(valid.map(({ checksum, header, tlvs }) => ({ checksum, header, tlvs })));
  });

  test("decode --json | encode gives the same bytes", async () => {
    const decoded = await alphapulse(["decode", "--json", "--file", file("valid.bin")]);
    const encoded = await alphapulse(["encode"], { stdin: decoded.stdout });
    expect([encoded.code, encoded.stderr]).toEqual([0, ""]);
    expect(encoded.stdout.trimEnd().split("\n")).toEqual(valid.map(({ hex }) => hex));
  });

  test("what a reader must tolerate is decoded, unknown types raw", async () => {
    const tolerated = readVectors<{ hex: string; tlvs: object[] }>("tolerated");
    const all = tolerated.map(({ hex }) => hex);
    const { code, stdout } = await alphapulse(["decode", ...all]);
    expect(code).toBe(0);
    const stream = await alphapulse(["decode"], { stdin: fromHex(all.join("")) });
    expect(stream).toEqual({ code, stdout, stderr: "" });
    const found = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { tlvs: unknown }).tlvs);
    expect(found).toEqual(tolerated.map(({ tlvs }) => tlvs));
  });

  describe("that are invalid", () => {
    /** What is said of each, by its label: all of them in one process, a blank line between two. */
    const faults = new Map<string, string>();
    beforeAll(async () => {
      const lines = invalid.filter(({ hex }) => hex !== "");
      const { code, stdout, stderr } = await alphapulse(["decode"], {
        stdin: lines.map(({ hex }) => hex).join("\n\n"),
      });
      expect([code, stdout]).toEqual([1, ""]);
      stderr.split(/^(?=[A-Z_]+:)/m).forEach((fault, i) => {
        faults.set(lines[i]?.label ?? "too many", fault);
      });
      for (const { label } of invalid.filter(({ hex }) => hex === "")) {
        faults.set(label, (await alphapulse(["decode", ""])).stderr);
      }
    });

    test.each(invalid)("$label: $error, and a mark under a byte of it", ({ label, hex, error }) => {
      const lines = (faults.get(label) as string).trimEnd().split("\n");
      expect(lines[0]?.split(":")[0]).toBe(error);
      const place = Number(/byte (\d+)/.exec(lines[1] as string)?.[1]);
      const mark = lines.findIndex((line) => /^ +\^\^$/.test(line));
      const column = ((lines[mark] as string).indexOf("^") - 12) / 3;
      const row = /^ {2}([0-9a-f]{8})/.exec(lines[mark - 1] as string)?.[1] as string;
      expect(Number.parseInt(row, 16) + column).toBe(place);
      const digits = (lines[mark - 1] as string).slice(12 + 3 * column, 14 + 3 * column).trim();
      expect(digits).toBe(hex.slice(2 * place, 2 * place + 2)); // none where the input ends
      expect(place).toBeLessThanOrEqual(hex.length / 2);
    });

    test.each([
      ["bad magic", 0, "header.magic"],
      ["wrong checksum", 28, "header.checksum"],
      ["trade in the execution domain", 32, "TLV 1, Trade: type"],
      ["two control TLVs", 50, "TLV 2, Ping: type"],
      ["second TLV cut", 75, "TLV 2, VenueReference: length"],
      ["Trade of 39 bytes", 33, "TLV 1, Trade: length"],
      ["PoolSwap of 157 bytes", 190, "TLV 1, PoolSwap: bytes behind its fields"],
      ["OrderBook whose bid count passes its length", 62, "TLV 1, OrderBook: bidCount, the size of bids"],
      ["symbol longer than its TLV", 48, "TLV 1, InstrumentDiscovered: symbolBytes, the size of symbol"],
      ["symbol that is not UTF-8", 52, "TLV 1, InstrumentDiscovered: symbol"],
    ])("%s: the mark is at byte %i, %s", (label, byte, field) => {
      expect(faults.get(label)).toContain(`: byte ${byte}, ${field}\n`);
    });
  });
});

describe("for people", () => {
  const pretty = async (hex: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await alphapulse(["decode", "--pretty", ...args, hex]);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  };

  test("a trade", async () => {
    expect(await pretty(tradeHex)).toMatchInlineSnapshot(`
      "the argument  MarketData  source 3 CoinbaseCollector  sequence 7  2025-08-12T12:00:00.123456789Z  74 bytes  crc32c
        Trade (1)
          instrument         Coinbase:SpotPair:BTC-USD
          price              61000.1
          volume             0.25
          exchangeTimestamp  2025-08-12T12:00:00.123456789Z
          side               2 sell
          flags              0
      "
    `);
  });

  test("amounts are scaled as the Decimals behind them says; a run of its source, an unknown type", async () => {
    const bytes = market()
      .add(TradeTLV, { ...trade, side: 1 })
      .add(DecimalsTLV, { price: 2, size: 0 })
      .addRaw(210, fromHex("c0ffee"))
      .build({ sequence: (5n << 40n) | 3n, timestamp, checksum: "crc32" });
    expect(await pretty(toHex(bytes))).toMatchInlineSnapshot(`
      "the argument  MarketData  source 3 CoinbaseCollector  sequence 3 of run 5  2025-08-12T12:00:00.123456789Z  85 bytes  crc32
        Trade (1)
          instrument         Coinbase:SpotPair:BTC-USD
          price              61000100000
          volume             25000000
          exchangeTimestamp  2025-08-12T12:00:00.123456789Z
          side               1 buy
          flags              0
        Decimals (107)
          price  2
          size   0
        type 210 unknown  0xc0ffee
      "
    `);
  });

  test("groups are tables, of which the first entries are shown", async () => {
    const levels = (price: bigint) => [0n, 1n, 2n].map((n) => ({ price: price - n, size: 10n ** (8n + n) }));
    const bytes = market()
      .add(OrderBookTLV, {
        instrument,
        exchangeTimestamp: timestamp,
        updateId: 9n,
        chunkIndex: 0,
        chunkCount: 1,
        flags: 0,
        bids: levels(12_170_600_000_000n),
        asks: [],
      })
      .build(STAMP);
    expect(await pretty(toHex(bytes), "--entries", "2")).toMatchInlineSnapshot(`
      "the argument  MarketData  source 3 CoinbaseCollector  sequence 7  2025-08-12T12:00:00.123456789Z  122 bytes  crc32c
        OrderBook (3)
          instrument         Coinbase:SpotPair:BTC-USD
          exchangeTimestamp  2025-08-12T12:00:00.123456789Z
          updateId           9
          chunkIndex         0
          chunkCount         1
          flags              0
          bids               3 entries
            price            size
            121706           1
            121705.99999999  10
            … 1 more (--entries 0 shows all)
          asks               0 entries
      "
    `);
    expect(await pretty(toHex(bytes), "--entries", "0")).not.toContain("more");
  });

  test("spans of time, the meaning of codes, data of services", async () => {
    const bytes = new TLVBuilder({ domain: RelayDomain.System, source: 1_000 })
      .add(StatusReportTLV, {
        uptime: 90_500_000_000n,
        messagesProcessed: 12n,
        errors: 0n,
        latencyP50: 1_250n,
        latencyP99: 2_000_001n,
        activeConnections: 3,
        status: 2,
      })
      .build({ timestamp });
    expect(await pretty(toHex(bytes))).toMatchInlineSnapshot(`
      "the argument  System  source 1000  unsequenced  2025-08-12T12:00:00.123456789Z  82 bytes  crc32c
        StatusReport (81)
          uptime             90.5 s
          messagesProcessed  12
          errors             0
          latencyP50         1.25 µs
          latencyP99         2.000001 ms
          activeConnections  3
          status             2
      "
    `);
  });

  test("text from outside cannot act on the terminal", async () => {
    const message = "\u001b[2Jgone\u009b\u202e\n";
    const bytes = new TLVBuilder({ domain: RelayDomain.Signal, source: 1 })
      .add(StrategyAlertTLV, { strategyId: 1, code: 0, severity: 4, message })
      .build(STAMP);
    const shown = await pretty(toHex(bytes));
    expect(shown).toContain('"\\u001b[2Jgone\\u009b\\u202e\\n"');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

test("the documentation shows what it prints", async () => {
  const page = blocksOf(readFileSync(new URL("../../docs/command-line.md", import.meta.url), "utf8"));
  const shown = (start: string) => page.find(({ code }) => code.startsWith(start))?.code;
  const json = shown('{"checksum"') as string;
  const { stdout } = await alphapulse(["encode", json]);
  const bytes = fromHex(stdout.trim());
  expect((await alphapulse(["decode", "--json"], { stdin: bytes })).stdout).toBe(json);
  expect((await alphapulse(["decode", "--pretty"], { stdin: bytes })).stdout).toBe(shown("#1 at byte 0"));
  const { hex } = invalid.find(({ label }) => label.includes("bid count")) as { hex: string };
  writeFileSync(file("capture.bin"), fromHex(tradeHex + tradeHex + hex));
  const { stderr } = await alphapulse(["decode", "--file", file("capture.bin")]);
  expect(stderr.replace(file("capture.bin"), "capture.bin")).toBe(shown("BAD_LENGTH"));
});

describe("what it reads", () => {
  const json = async (args: string[], stdin?: string | Uint8Array): Promise<number> => {
    const { code, stdout, stderr } = await alphapulse(["decode", ...args], stdin === undefined ? {} : { stdin });
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    for (const line of lines) expect((JSON.parse(line) as { tlvs: unknown }).tlvs).toHaveLength(1);
    return lines.length;
  };
  const pairs = tradeHex.match(/../g) as string[];
  const base64 = Buffer.from(tradeHex, "hex").toString("base64");

  test("hex as an argument, in any of the usual ways to write it", async () => {
    expect(await json([tradeHex.toUpperCase()])).toBe(1);
    expect(await json([`0x${tradeHex}`])).toBe(1);
    expect(await json([pairs.map((pair) => `0x${pair}`).join(", ")])).toBe(1);
    expect(await json([pairs.join("\n")])).toBe(1);
    expect(await json(pairs)).toBe(1); // a dump that the shell took apart
    expect(await json([tradeHex, tradeHex])).toBe(2);
  });

  test("base64", async () => {
    expect(await json([base64])).toBe(1);
    expect(await json(["--base64", base64])).toBe(1);
    expect(await json([], `${base64}\n${base64}\n`)).toBe(2);
  });

  test("lines of hex; a dump of many lines is one message", async () => {
    expect(await json([], `${tradeHex}\n${tradeHex}`)).toBe(2);
    const wrapped = (tradeHex.match(/.{1,60}/g) as string[]).join("\r\n");
    expect(await json([], `${wrapped}\n\n${wrapped}\n${tradeHex}\n`)).toBe(3);
  });

  test("bytes on standard input", async () => {
    expect(await json([], Buffer.from(tradeHex + tradeHex, "hex"))).toBe(2);
    expect(await json(["--file", "-"], Buffer.from(tradeHex, "hex"))).toBe(1);
  });

  test("either checksum, unless told which; none lets a wrong one pass", async () => {
    const ieee = toHex(
      market()
        .add(TradeTLV, trade)
        .build({ ...STAMP, checksum: "crc32" }),
    );
    expect(await json([ieee])).toBe(1);
    expect(await json(["--checksum", "crc32", ieee])).toBe(1);
    expect((await alphapulse(["decode", "--checksum", "crc32c", ieee])).stderr).toContain("CHECKSUM_MISMATCH");
    const wrong = `${tradeHex.slice(0, 56)}00000000${tradeHex.slice(64)}`;
    const { stdout } = await alphapulse(["decode", "--checksum", "none", wrong]);
    expect(JSON.parse(stdout)).toMatchObject({ checksum: null });
    const mended = await alphapulse(["encode"], { stdin: stdout });
    expect(mended.stdout.trim()).toBe(tradeHex);
  });

  test("a larger payload only where it is allowed", async () => {
    const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1, payloadBytesMax: 2 << 20 });
    for (let i = 0; i < 20; i++) builder.addRaw(200, new Uint8Array(60_000));
    const large = builder.build();
    const refused = await alphapulse(["decode"], { stdin: large });
    expect([refused.code, refused.stdout, refused.stderr.split(":")[0]]).toEqual([1, "", "TOO_LARGE"]);
    const taken = await alphapulse(["decode", "--max-payload", "2000000"], { stdin: toHex(large) });
    expect([taken.code, taken.stderr]).toEqual([0, ""]);
  });
});

describe("a stream of messages", () => {
  const trades = (count: number): Buffer => Buffer.from(tradeHex.repeat(count), "hex");

  test("that is cut in the middle of a message is told, with offsets in the file", async () => {
    writeFileSync(file("cut.bin"), trades(3).subarray(0, 200));
    const { code, stdout, stderr } = await alphapulse(["decode", "--file", file("cut.bin")]);
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(stderr).toContain("TRUNCATED: the message has 74 bytes, the input ends after 52 of them");
    expect(stderr).toContain("message 3 at byte 148: byte 200 (byte 52 of the message)");
  });

  test("ends where no message begins, and goes on behind a message that is no good", async () => {
    const bad = trades(4);
    bad.writeUInt8(99, 74 + 40); // the checksum of the second
    bad.write("no message", 3 * 74); // in the place of the fourth
    const { code, stdout, stderr } = await alphapulse(["decode"], { stdin: bad });
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(stderr.match(/^[A-Z_]+(?=:)/gm)).toEqual(["CHECKSUM_MISMATCH", "BAD_MAGIC"]);
    expect(stderr).toContain("message 2 at byte 74: byte 102 (byte 28 of the message), header.checksum");
    expect(stderr).toContain("message 4 at byte 222: byte 222 (byte 0 of the message), header.magic");
  });

  test("ends there though its writer goes on", async () => {
    const child = spawn(process.execPath, [CLI, "decode"]);
    onTestFinished(() => void child.kill("SIGKILL"));
    child.stdin.on("error", () => {});
    child.stdout.resume();
    child.stdin.write(Buffer.concat([trades(1), Buffer.alloc(200)])); // and never ends it
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(1);
  });

  test("of hex text is told to be text", async () => {
    writeFileSync(file("text.bin"), tradeHex);
    const { code, stderr } = await alphapulse(["decode", "--file", file("text.bin")]);
    expect(code).toBe(1);
    expect(stderr).toContain("BAD_MAGIC: this is hex as text");
  });
});
