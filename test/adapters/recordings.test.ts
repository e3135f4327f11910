import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
  detectMarket,
  mergeRecordings,
  type RecordedEvent,
  RecordingError,
  readRecording,
  readRecordings,
} from "../../src/adapters.js";
import { Venue } from "../../src/protocol/tables.js";

const folder = mkdtempSync(join(tmpdir(), "alphapulse-recordings-"));
afterAll(() => rmSync(folder, { recursive: true }));

let fileCount = 0;

/** A file of these bytes; its name. */
function fileOf(content: string | Uint8Array, name = `${++fileCount}.txt`): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

interface Read {
  readonly events: RecordedEvent[];
  readonly error: RecordingError | undefined;
  readonly batches: number;
}

async function read(source: AsyncIterable<readonly RecordedEvent[]>): Promise<Read> {
  const events: RecordedEvent[] = [];
  let batches = 0;
  try {
    for await (const batch of source) {
      batches++;
      for (const event of batch) events.push({ ...event, bytes: event.bytes.slice() });
    }
  } catch (error) {
    expect(error).toBeInstanceOf(RecordingError);
    return { events, error: error as RecordingError, batches };
  }
  return { events, error: undefined, batches };
}

const textOf = ({ bytes }: RecordedEvent): string => new TextDecoder().decode(bytes);
const line = (t: string, dir: string, raw: unknown, url?: string): string =>
  JSON.stringify({ t, dir, conn: "c", url, raw: typeof raw === "string" ? raw : JSON.stringify(raw) });

const TIMED = [
  '1723161253937085768 {"stream":"btcusdt@trade","data":{}}',
  '1723161254036059999 {"lastUpdateId":1,"bids":[],"asks":[]}',
  '1723161254036059999 {"u":7}',
].join("\n");

describe("readRecording", () => {
  test.each([
    ["plain", (text: string) => text],
    ["without a last newline", (text: string) => text.trimEnd()],
    ["with carriage returns and blank lines", (text: string) => text.replaceAll("\n", "\r\n\r\n")],
    ["gzip", (text: string) => gzipSync(text)],
    ["gzip in two members", (text: string) => Buffer.concat([gzipSync(text.slice(0, 60)), gzipSync(text.slice(60))])],
  ])("reads lines of nanoseconds and JSON: %s", async (_, make) => {
    const { events, error } = await read(readRecording(fileOf(make(`${TIMED}\n`))));
    expect(error).toBeUndefined();
    expect(events.map(({ atUs, kind, symbol, recording }) => [atUs, kind, symbol, recording])).toEqual([
      [1_723_161_253_937_085, "frame", undefined, 0],
      [1_723_161_254_036_059, "snapshot", undefined, 0],
      [1_723_161_254_036_059, "frame", undefined, 0],
    ]);
    expect(events.map(textOf)[1]).toBe('{"lastUpdateId":1,"bids":[],"asks":[]}');
  });

  test("reads transcripts: received frames, and snapshots with the symbol they were asked for", async () => {
    const raw = '{"lastUpdateId": 1,\t"bids":[["1.00","☃"]]}';
    const file = fileOf(
      [
        line("1628952394.865677", "http", "{}", "https://api.binance.com/api/v3/exchangeInfo"),
        line("1628952394.891941", "connect", "", "wss://stream.binance.com:9443/stream?streams=x"),
        line("1628952395", "tx", "{}"),
        line("1628952395.7", "rx", { u: 7 }),
        line("1628952396.2282469", "http", raw, "https://www.binance.com/api/v3/depth?symbol=XMRBTC&limit=5000"),
        line("1628952396.5", "http", "{}", "no url"),
      ].join("\n"),
    );
    const { events, error } = await read(readRecording(file, { recording: 3 }));
    expect(error).toBeUndefined();
    expect(events.map(({ atUs, kind, symbol, recording }) => [atUs, kind, symbol, recording])).toEqual([
      [1_628_952_395_700_000, "frame", undefined, 3],
      [1_628_952_396_228_246, "snapshot", "XMRBTC", 3],
    ]);
    expect(events.map(textOf)).toEqual(['{"u":7}', raw]);
  });

  test("lines that span chunks stay whole, and a batch is no more than a chunk", async () => {
    const reached = { spanning: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 25, size: "max" }),
        fc.boolean(),
        async (lengths, isGzip) => {
          const bodies = lengths.map((length, i) => `{"x":"${String(i % 10).repeat(length)}"}`);
          const text = bodies.map((body, i) => `${1_000_000 + i * 1_000} ${body}\n`).join("");
          const { events, error, batches } = await read(
            readRecording(fileOf(isGzip ? gzipSync(text, { level: 1 }) : text)),
          );
          expect(error).toBeUndefined();
          expect(events.map(textOf)).toEqual(bodies);
          expect(events.map(({ atUs }) => atUs)).toEqual(bodies.map((_, i) => 1_000 + i));
          if (batches > 1) reached.spanning++;
        },
      ),
      { numRuns: 30 },
    );
    expect(reached.spanning).toBeGreaterThan(5);
  });

  test.each<
    readonly [what: string, content: string | Uint8Array, code: string, line: number | undefined, events: number]
  >([
    ["an empty file", "", "RECORDING_EMPTY", undefined, 0],
    ["blank lines alone", "\n\n", "RECORDING_EMPTY", undefined, 0],
    ["an empty gzip", gzipSync(""), "RECORDING_EMPTY", undefined, 0],
    ["a line without time", `${TIMED}\n{"u":8}\n`, "RECORDING_NO_TIME", 4, 3],
    ["a first line without time", '{"u":8}\n', "RECORDING_NO_TIME", 1, 0],
    ["words", "hello\n", "RECORDING_BAD_LINE", 1, 0],
    ["a time of 20 digits", '17231612539370857680 {"u":8}\n', "RECORDING_NO_TIME", 1, 0],
    ["time that goes backwards", `${TIMED}\n1723161254036058999 {"u":8}\n`, "RECORDING_TIME_BACKWARDS", 4, 3],
    ["a last line cut short", `${TIMED}\n1723161254036059999 {"u":8,"s"`, "RECORDING_TRUNCATED", 4, 3],
    ["a last time cut short", `${TIMED}\n172316`, "RECORDING_TRUNCATED", 4, 3],
    ["a transcript cut short", `${line("1.5", "rx", "{}")}\n{"t":"1.6","dir":"rx","ra`, "RECORDING_TRUNCATED", 2, 1],
    ["a transcript line that is no JSON", `${line("1.5", "rx", "{}")}\n{"t"}\n`, "RECORDING_BAD_LINE", 2, 1],
    [
      "a transcript line without time",
      `${line("1.5", "rx", "{}")}\n{"dir":"rx","raw":"{}"}\n`,
      "RECORDING_NO_TIME",
      2,
      1,
    ],
    ["a transcript time that is none", line("yesterday", "rx", "{}"), "RECORDING_NO_TIME", 1, 0],
    ["a transcript frame without text", '{"t":"1","dir":"rx","raw":5}', "RECORDING_BAD_LINE", 1, 0],
    ["gzip cut short", gzipSync(TIMED).subarray(0, -12), "RECORDING_TRUNCATED", undefined, 0],
    [
      "a line beyond 16 MiB",
      `${TIMED}\n1723161254036059999 {"x":"${"x".repeat(16_777_216)}"}\n`,
      "RECORDING_LINE_TOO_LONG",
      4,
      3,
    ],
    ["a line that never ends", "1".repeat(16_777_300), "RECORDING_LINE_TOO_LONG", 1, 0],
  ])(
    "%s is an error that names the file, after what came before it",
    async (_, content, code, lineNumber, eventCount) => {
      const file = fileOf(content);
      const { events, error } = await read(readRecording(file));
      expect(error?.code).toBe(code);
      expect(error?.file).toBe(file);
      if (lineNumber !== undefined) expect(error?.line).toBe(lineNumber);
      expect(error?.message.startsWith(error.line === undefined ? `${file}: ` : `${file}, line ${error.line}: `)).toBe(
        true,
      );
      if (eventCount > 0) expect(events).toHaveLength(eventCount);
    },
  );

  test("gzip with a damaged byte is corrupt", async () => {
    const text = Array.from(
      { length: 20_000 },
      (_, i) => `${1_000_000 + i * 1_000} {"u":${(i * 7_919) % 104_729}}\n`,
    ).join("");
    const bytes = gzipSync(text);
    bytes[bytes.length >> 1]! ^= 0xff;
    const { error } = await read(readRecording(fileOf(bytes)));
    expect(["RECORDING_CORRUPT", "RECORDING_NO_TIME"]).toContain(error?.code); // damage may decode, but not to lines
    bytes[bytes.length >> 1]! ^= 0xff;
    bytes[bytes.length - 8]! ^= 0xff; // its checksum
    const last = await read(readRecording(fileOf(bytes)));
    expect(last.error).toMatchObject({ code: "RECORDING_CORRUPT", line: last.events.length + 1 });
    expect(last.events.length).toBeGreaterThan(10_000); // all but the last chunk at most
  });

  test("files that are not there, and folders", async () => {
    expect((await read(readRecording(join(folder, "none")))).error).toMatchObject({
      code: "RECORDING_NOT_FOUND",
      message: `${join(folder, "none")}: there is no such file`,
    });
    expect((await read(readRecording(folder))).error).toMatchObject({ code: "RECORDING_UNREADABLE" });
  });

  test("may be left half-way", async () => {
    const text = Array.from({ length: 50_000 }, (_, i) => `${1_000_000 + i * 1_000} {"u":${i}}\n`).join("");
    for await (const batch of readRecording(fileOf(gzipSync(text)))) {
      expect(batch.length).toBeLessThan(50_000);
      break;
    }
  });
});

describe("mergeRecordings", () => {
  const timed = (times: readonly number[], name: string): string =>
    times.map((time) => `${time * 1_000} {"x":"${name}"}\n`).join("");

  test("merges by time, and where times are equal in the order of the list", async () => {
    const reached = { ties: 0, batches: 0 };
    const anyTimes = fc
      .array(fc.integer({ min: 1_000, max: 1_400 }), { minLength: 1, maxLength: 600, size: "max" })
      .map((all) => all.sort((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(fc.array(anyTimes, { minLength: 1, maxLength: 4 }), async (recordings) => {
        const files = recordings.map((times, i) => fileOf(timed(times, `${i}`)));
        const { events, error, batches } = await read(readRecordings(files));
        expect(error).toBeUndefined();
        const expected = recordings
          .flatMap((times, recording) => times.map((atUs) => ({ atUs, recording })))
          .sort((a, b) => a.atUs - b.atUs || a.recording - b.recording);
        expect(events.map(({ atUs, recording }) => ({ atUs, recording }))).toEqual(expected);
        expect(events.every((event) => textOf(event) === `{"x":"${event.recording}"}`)).toBe(true);
        if (batches > 1) reached.batches++;
        reached.ties += expected.filter((event, i) => expected[i - 1]?.atUs === event.atUs).length;
      }),
      { numRuns: 25 },
    );
    expect(reached.ties).toBeGreaterThan(100);
    expect(reached.batches).toBeGreaterThan(3);
  });

  test("fails where one of them does, after what came before, and closes the others", async () => {
    let isClosed = false;
    async function* endless(): AsyncGenerator<readonly RecordedEvent[]> {
      try {
        for (let atUs = 1; ; atUs++)
          yield [{ atUs, kind: "frame", bytes: new Uint8Array(0), symbol: undefined, recording: 1 }];
      } finally {
        isClosed = true;
      }
    }
    const broken = readRecording(fileOf(`${timed([3, 5], "a")}no time\n`));
    const { events, error } = await read(mergeRecordings([broken, endless()]));
    expect(error).toMatchObject({ code: "RECORDING_NO_TIME", line: 3 });
    expect(events.map(({ atUs }) => atUs)).toEqual([1, 2, 3, 3, 4, 5]);
    expect(isClosed).toBe(true);
  });

  test("of none is nothing", async () => {
    expect((await read(mergeRecordings([]))).events).toEqual([]);
  });
});

describe("detectMarket", () => {
  const ticker = { u: 1, s: "BTCUSDT", b: "1", B: "1", a: "2", A: "1" };
  const depth = { e: "depthUpdate", E: 1, s: "BTCUSDT", U: 1, u: 2, b: [], a: [] };
  const timed = (...events: object[]): string =>
    events.map((event, i) => `${1_000_000 + i} ${JSON.stringify(event)}\n`).join("");

  test.each([
    ["spot ticker", timed({ stream: "x", data: ticker }), "spot", Venue.Binance],
    ["spot depth", timed({ result: null }, { stream: "x", data: depth }), "spot", Venue.Binance],
    ["spot trade", timed({ e: "trade", M: true }), "spot", Venue.Binance],
    ["USD-M ticker", timed({ e: "bookTicker", ...ticker }), "usdm", Venue.Binance],
    [
      "USD-M depth behind a trade that does not tell",
      timed({ e: "trade", X: "MARKET" }, { ...depth, pu: 0 }),
      "usdm",
      Venue.Binance,
    ],
    ["COIN-M depth", timed({ ...depth, pu: 0, ps: "BTCUSD" }), "coinm", Venue.Binance],
    ["spot URL", line("1", "connect", "", "wss://stream.binance.com:9443/stream"), "spot", Venue.Binance],
    ["US URL", line("1", "http", "{}", "https://api.binance.us/api/v3/depth?symbol=X"), "spot", Venue.BinanceUS],
    ["USD-M URL", line("1", "connect", "", "wss://fstream.binance.com/stream"), "usdm", Venue.Binance],
    ["COIN-M URL", line("1", "connect", "", "wss://dstream.binance.com/stream"), "coinm", Venue.Binance],
    ["a transcript without URLs", line("1", "rx", depth), "spot", Venue.Binance],
  ])("%s", async (_, content, market, venue) => {
    expect(await detectMarket(fileOf(content))).toEqual({ market, venue });
    expect(await detectMarket(fileOf(gzipSync(content)))).toEqual({ market, venue });
  });

  test.each([
    ["another venue's", timed({ feed: "book" }, [1, 2], { channel: "book" }), "RECORDING_UNKNOWN_MARKET"],
    ["frames that are no JSON", "1000000 }\n", "RECORDING_UNKNOWN_MARKET"],
    ["10,001 lines that do not tell", `1000000 {}\n`.repeat(10_001), "RECORDING_UNKNOWN_MARKET"],
    ["words", "hello\n", "RECORDING_UNKNOWN_MARKET"],
    ["nothing", "", "RECORDING_EMPTY"],
    ["a line without time", `${timed({})}x {}\n`, "RECORDING_NO_TIME"],
  ])("%s recording is an error", async (_, content, code) => {
    await expect(detectMarket(fileOf(content))).rejects.toMatchObject({ code, name: "RecordingError" });
  });
});
