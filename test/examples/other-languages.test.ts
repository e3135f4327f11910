import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { parseMessage } from "../../src/protocol/message.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { AssetType, RelayDomain, Side, Venue } from "../../src/protocol/tables.js";
import { BroadcastProducer, BroadcastReader, type Loss } from "../../src/rings/broadcast.js";
import { SLEEPER, TAIL_WORD } from "../../src/rings/layout.js";
import type { RingMemory } from "../../src/rings/memory.js";
import { native } from "../../src/shm/native.js";
import { SharedMemory } from "../../src/shm/shared-memory.js";
import { QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { BTC, quoteOf, tradeOf, until } from "../samples.js";
import { hasNative, useDirectory } from "../shm/processes.js";

const FOLDER = fileURLToPath(new URL("../../examples/other-languages/", import.meta.url));
const FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"];
const COMPILER = process.env.CC ?? "cc";
const hasCompiler = spawnSync(COMPILER, ["--version"]).status === 0;
const hasPython = spawnSync("python3", ["--version"]).status === 0;
/** The languages whose reader can be run here. */
const READERS = [hasCompiler ? "C" : [], hasPython ? "Python" : []].flat();
const CAPACITY = 16 << 10;
/** Positions that carry into the high word, and pass what a double holds, within a few records. */
const POSITIONS = [0n, 2n ** 32n - 512n, 2n ** 53n - 512n];

const missing = [hasNative ? [] : "the addon", hasCompiler ? [] : COMPILER, hasPython ? [] : "python3"].flat();
if (missing.length > 0) console.log(`some programs of other languages are not tested: no ${missing.join(", ")}`);

const bin = mkdtempSync(join(tmpdir(), "alphapulse-languages-"));
afterAll(() => rmSync(bin, { recursive: true, force: true }));

/** A program of the folder, and what it has printed so far. */
class Program {
  readonly process: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #closed: Promise<unknown>;

  constructor(command: string, args: readonly string[]) {
    this.process = spawn(command, args);
    this.#closed = once(this.process, "close");
    this.process.stdout?.on("data", (chunk) => (this.stdout += chunk));
    this.process.stderr?.on("data", (chunk) => (this.stderr += chunk));
    programs.push(this);
  }

  /** Resolves to the exit code, or the signal, once all that it printed is here. */
  async ended(): Promise<number | string | null> {
    await this.#closed;
    return this.process.exitCode ?? this.process.signalCode;
  }
}

const programs: Program[] = [];
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.process.kill("SIGKILL");
    await program.ended();
  }
});

const message = (sequence: bigint, ...trades: readonly TradeTLV[]): Uint8Array => {
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1_000 });
  for (const trade of trades) builder.add(TradeTLV, trade);
  return builder.build({ sequence, timestamp: 1n });
};

/** The line that the readers print for a trade; `symbol` is what they can say of its instrument. */
function lineOf(sequence: bigint, trade: TradeTLV, symbol = "BTC-USD"): string {
  const { venue, assetType } = trade.instrument;
  const side = ["unknown", "buy", "sell"][trade.side] ?? "unknown";
  return `${sequence} ${venue}/${assetType}/${symbol} ${side} ${decimal(trade.volume)} at ${decimal(trade.price)}\n`;
}

function decimal(amount: bigint): string {
  const digits = `${amount < 0n ? -amount : amount}`.padStart(9, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

describe.skipIf(!hasNative)("programs in other languages", { timeout: 60_000 }, () => {
  const directory = useDirectory();

  beforeAll(() => {
    if (!hasCompiler) return;
    for (const name of ["read-trades", "write-trades"]) {
      execFileSync(COMPILER, [...FLAGS, "-o", join(bin, name), join(FOLDER, `${name}.c`)]);
    }
  });

  const create = (position = 0n): SharedMemory =>
    SharedMemory.create("trades", "broadcast", { capacityBytes: CAPACITY, directory: directory(), position });
  const start = (command: string, ...args: readonly string[]): Program =>
    new Program(command, [...args, "--directory", directory()]);
  const startReader = (language: string, ...args: readonly string[]): Program =>
    language === "C"
      ? start(join(bin, "read-trades"), "trades", ...args)
      : start("python3", join(FOLDER, "read_trades.py"), "trades", ...args);
  const startWriter = (count: number): Program => start(join(bin, "write-trades"), "trades", "--count", `${count}`);
  const joined = (reader: Program): Promise<void> => until(() => reader.stderr.includes("reading from"), 10_000);
  const offer = (producer: BroadcastProducer, bytes: Uint8Array): void => {
    expect(producer.offer(messageBuffer(bytes), 0, bytes.byteLength)).toBe("sent");
  };

  describe.each(READERS)("a reader in %s", (language) => {
    test.each(POSITIONS)("prints the trades that are published, from position %s on", async (position) => {
      using memory = create(position);
      const producer = new BroadcastProducer(memory);
      offer(producer, message(999n, tradeOf(1))); // before it joins
      const reader = startReader(language);
      await joined(reader);
      let expected = "";
      for (let n = 1n; n <= 300n; n++) {
        if (n % 50n === 0n) await until(() => reader.stdout.length === expected.length);
        const trade = { ...tradeOf(Number(n) * 7_919), side: Number(n) % 4, volume: n ** 7n };
        offer(producer, message(n, trade, tradeOf(Number(-n))));
        expected += lineOf(n, trade) + lineOf(n, tradeOf(Number(-n)));
      }
      producer.close();
      expect(await reader.ended(), reader.stderr).toBe(0);
      expect(reader.stdout).toBe(expected);
      expect(reader.stderr).toBe(`reading from position ${position + 88n}\n`);
    });

    test("prints what every field can hold, skips other types, and drops what is no message", async () => {
      using memory = create();
      const producer = new BroadcastProducer(memory);
      const reader = startReader(language, "--count", "4");
      await joined(reader);
      const extremes = { ...tradeOf(0), price: -(2n ** 63n), volume: 2n ** 64n - 1n, side: 255 };
      const hashed = tradeOf(5, InstrumentId.of(Venue.Kraken, AssetType.SpotPair, "AVAX/USDT"));
      const pool = tradeOf(6, new InstrumentId(Venue.UniswapV3, AssetType.Pool, 0x4142434445464748n));
      offer(producer, message(1n, extremes));
      const quote = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1 }).add(QuoteTLV, quoteOf(1));
      offer(producer, quote.add(TradeTLV, tradeOf(3)).build({ sequence: 2n }));
      const damaged = message(3n, tradeOf(4));
      damaged[40] = 0xff;
      offer(producer, damaged);
      offer(producer, message(4n, hashed));
      offer(producer, message(5n, pool));
      expect(await reader.ended(), reader.stderr).toBe(0); // of itself, after four trades
      expect(reader.stdout).toBe(
        lineOf(1n, extremes) +
          lineOf(2n, tradeOf(3)) +
          lineOf(4n, hashed, `0x${hashed.instrument.assetId.toString(16)}`) +
          lineOf(5n, pool, "0x4142434445464748"),
      );
      expect(reader.stderr).toContain("no message: CHECKSUM_MISMATCH\n");
    });

    test.each(POSITIONS)("is told exactly what it lost, from position %s on", async (position) => {
      using memory = create(position);
      const producer = new BroadcastProducer(memory);
      const losses: Loss[] = [];
      using mine = SharedMemory.open("trades", "broadcast", { directory: directory() });
      const compared = new BroadcastReader(mine, { lost: (loss) => losses.push(loss) });
      const reader = startReader(language);
      await joined(reader);
      for (let n = 1n; n <= 10n; n++) offer(producer, message(n, tradeOf(Number(n))));
      compared.poll(() => {}, 10);
      await until(() => reader.stdout.endsWith(lineOf(10n, tradeOf(10))));
      reader.process.kill("SIGSTOP");
      await until(() => / T /.test(readFileSync(`/proc/${reader.process.pid}/stat`, "latin1")));
      for (let n = 11n; n <= 1_000n; n++) offer(producer, message(n, tradeOf(Number(n)), tradeOf(0)));
      compared.poll(() => {}, 1);
      reader.process.kill("SIGCONT");
      await until(() => reader.stdout.includes(lineOf(1_000n, tradeOf(1_000))));
      offer(producer, message(1_001n, tradeOf(1_001)));
      producer.close();
      expect(await reader.ended(), reader.stderr).toBe(0);
      expect(losses).toHaveLength(1);
      expect(losses[0]?.records).toBe(989n); // 11 to 999
      expect(reader.stderr).toContain(`\nlost ${losses[0]?.records} records, ${losses[0]?.bytes} bytes\n`);
      expect(reader.stdout.split("\n").slice(10).join("\n")).toBe(
        lineOf(1_000n, tradeOf(1_000)) + lineOf(1_000n, tradeOf(0)) + lineOf(1_001n, tradeOf(1_001)),
      );
    });

    test("says what is wrong where there is no such ring", async () => {
      const lost = startReader(language);
      expect(await lost.ended()).toBe(1);
      expect(lost.stderr).toContain(`${directory()}/trades`);
      SharedMemory.create("trades", "spsc", { capacityBytes: CAPACITY, directory: directory() }).close();
      const wrong = startReader(language);
      expect(await wrong.ended()).toBe(1);
      expect(wrong.stderr).toContain("no broadcast ring");
      writeFileSync(join(directory(), "trades"), "x".repeat(10_000));
      const foreign = startReader(language);
      expect(await foreign.ended()).toBe(1);
      expect(foreign.stderr).toContain("holds no ring");
    });
  });

  test.skipIf(!hasCompiler)(
    "a reader in C that sleeps in the kernel is woken by a producer in TypeScript",
    async () => {
      using memory = create();
      const segment = native().openSegment(memory.path, 1 << 20); // to see how many were woken
      let woken = 0;
      const counting: RingMemory = {
        buffer: memory.buffer,
        sleep: (words, index, value, timeoutMs) => memory.sleep(words, index, value, timeoutMs),
        sleepAsync: (words, index, value) => memory.sleepAsync(words, index, value),
        wake: (words, index) => {
          woken += native().futexWake(segment, words.byteOffset + index * 4, 1_000);
        },
        occupy: (place) => memory.occupy(place),
        vacate: (place) => memory.vacate(place),
        isOccupied: (place) => memory.isOccupied(place),
      };
      const producer = new BroadcastProducer(counting);
      const words = new Int32Array(memory.buffer);
      const reader = startReader("C");
      await joined(reader);
      let published = 0n;
      while (woken < 20) {
        await until(() => (Atomics.load(words, TAIL_WORD) & SLEEPER) !== 0);
        offer(producer, message(++published, tradeOf(1)));
        await until(() => reader.stdout.endsWith(lineOf(published, tradeOf(1))));
      }
      expect(published).toBeLessThan(1_000n); // nearly each time it slept already
      producer.close();
      native().closeSegment(segment);
      expect(await reader.ended()).toBe(0);
    },
  );

  test.skipIf(!hasCompiler).each(POSITIONS)(
    "a producer in C is read in TypeScript, from position %s on",
    async (position) => {
      using memory = create(position);
      const reader = new BroadcastReader(memory, { lost: (loss) => expect(loss).toBeUndefined() });
      const awake = reader.ready(); // asleep, until C wakes it
      const writer = startWriter(100);
      await awake;
      expect(await writer.ended(), writer.stderr).toBe(0);
      const read: bigint[] = [];
      reader.poll((buffer, offset, byteLength) => {
        const found = parseMessage(buffer.bytes.slice(offset, offset + byteLength));
        const { exchangeTimestamp, ...trade } = found.get(TradeTLV) as TradeTLV;
        expect(exchangeTimestamp).toBe(found.header.timestamp);
        expect(trade).toEqual({
          instrument: InstrumentId.of(Venue.Binance, AssetType.SpotPair, "BTCUSDT"),
          price: 6_400_000_000_000n + found.header.sequence * 1_000_000n,
          volume: 1_500_000n + found.header.sequence,
          side: found.header.sequence % 2n === 0n ? Side.Sell : Side.Buy,
          flags: 0,
        });
        read.push(found.header.sequence);
      }, 1_000);
      expect(read).toEqual(Array.from({ length: 100 }, (_, index) => BigInt(index + 1)));
      expect(reader.isClosed).toBe(true);
    },
  );

  test.skipIf(!hasCompiler)(
    "readers beside a producer that waits for nobody get whole messages, and count the others",
    async () => {
      const count = 100_000;
      using memory = create(2n ** 32n - 2n ** 20n);
      const reader = new BroadcastReader(memory, { lost: () => {} });
      const others = READERS.map((language) => startReader(language));
      for (const other of others) await joined(other);
      const writer = startWriter(count);
      let read = 0;
      while (!reader.isClosed || reader.hasRecords) {
        reader.poll((buffer, offset, byteLength) => {
          parseMessage(buffer.bytes.slice(offset, offset + byteLength)); // its checksum would not be right
          read++;
        }, 100);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await writer.ended(), writer.stderr).toBe(0);
      expect(BigInt(read) + reader.lostRecords).toBe(BigInt(count));
      for (const other of others) {
        expect(await other.ended()).toBe(0);
        const sequences = other.stdout.trimEnd().split("\n").map(Number.parseFloat);
        expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
        const [, ...losses] = other.stderr.trimEnd().split("\n");
        const lost = losses.map((line) => Number(/^lost (\d+) records/.exec(line)?.[1])); // NaN: it complains of something else
        expect(sequences.length + lost.reduce((sum, records) => sum + records, 0)).toBe(count);
        expect(lost.length, "the test is about overruns").toBeGreaterThan(0);
      }
    },
  );

  test.skipIf(!hasCompiler)(
    "a producer in C that was killed is succeeded by one in TypeScript, and no record is miscounted",
    async () => {
      using memory = create(2n ** 32n - 2n ** 20n);
      const reader = new BroadcastReader(memory, { lost: () => {} });
      let count = 0n;
      let last = 0n;
      const poll = (): void => {
        reader.poll((buffer, offset, byteLength) => {
          count++;
          last = parseMessage(buffer.bytes.slice(offset, offset + byteLength)).header.sequence;
        }, 1_000);
      };
      const writer = startWriter(1e15);
      await until(() => {
        poll();
        return last > 50_000n;
      });
      const refused = startWriter(1);
      expect(await refused.ended()).toBe(1);
      expect(refused.stderr).toContain("a producer that lives");
      expect(() => new BroadcastProducer(memory)).toThrow(expect.objectContaining({ code: "RING_IN_USE" }));
      writer.process.kill("SIGKILL");
      await writer.ended();
      while (reader.hasRecords) poll();
      expect(count + reader.lostRecords).toBe(last); // it numbers its messages from 1
      const producer = new BroadcastProducer(memory);
      for (let n = 1n; n <= 1_000n; n++) offer(producer, message(last + 1n, tradeOf(1, BTC)));
      while (reader.hasRecords) poll();
      expect(count + reader.lostRecords).toBe(last - 1n + 1_000n);
      producer.vacate();
      const next = startWriter(1_000);
      expect(await next.ended(), next.stderr).toBe(0);
      const before = count + reader.lostRecords;
      while (reader.hasRecords) poll();
      expect(count + reader.lostRecords).toBe(before + 1_000n);
    },
  );
});
