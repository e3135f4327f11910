// What building and reading allocates, as a program: see zero-allocation.test.ts. Prints a row per subject as JSON.
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { InstrumentMap } from "../../src/protocol/instrument-map.js";
import { allocateBuffer, type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { MessageView } from "../../src/protocol/message-view.js";
import type { AnyTLV, FlyweightOf } from "../../src/protocol/schema/tlv.js";
import { StreamFramer } from "../../src/protocol/stream-framer.js";
import { AssetType, RelayDomain, Venue } from "../../src/protocol/tables.js";
import { DecimalsTLV, ReceiveTimestampTLV } from "../../src/tlvs/extension.js";
import { OrderBookTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";

/** What one subject allocated. */
export interface AllocationRow {
  readonly subject: string;
  /** Bytes an operation by which the heap and the array buffers grew, in each round. */
  readonly bytes: readonly number[];
  /** Garbage collections seen in all rounds. */
  readonly collections: number;
}

const OPERATIONS = 100_000;
const ROUNDS = 3;
/** Runs before the first round: long enough for everything to be compiled. */
const WARM_UPS = 4;
const VARIED = 64;
/** Few enough to be remembered side by side: reading an instrument that is not makes its InstrumentId anew. */
const INSTRUMENTS = 8;
const LEVELS = { bids: 20, asks: 20 };
const TIME_US = 1_755_000_000_000_000;

const instruments = Array.from({ length: INSTRUMENTS }, (_, i) =>
  InstrumentId.of(Venue.Binance, AssetType.SpotPair, `COIN${i}`),
);
const instrumentOf = (n: number): InstrumentId => instruments[n % INSTRUMENTS] as InstrumentId;

function fillTrade(trade: FlyweightOf<typeof TradeTLV>, n: number): void {
  trade.instrument = instrumentOf(n);
  trade.priceUnits = 6_100_000_000_000 + n;
  trade.volumeUnits = 1_500_000 + n;
  trade.exchangeTimestampUs = TIME_US + n;
  trade.side = 1 + (n & 1);
  trade.flags = n & 3;
}

function fillQuote(quote: FlyweightOf<typeof QuoteTLV>, n: number): void {
  quote.instrument = instrumentOf(n);
  quote.bidPriceUnits = 6_100_000_000_000 + n;
  quote.askPriceUnits = 6_100_001_000_000 + n;
  quote.bidSizeUnits = n;
  quote.askSizeUnits = n + 1;
  quote.exchangeTimestampUs = TIME_US + n;
}

function fillBook(book: FlyweightOf<typeof OrderBookTLV>, n: number): void {
  book.instrument = instrumentOf(n);
  book.exchangeTimestampUs = TIME_US + n;
  book.updateIdNumber = n;
  book.chunkCount = 1;
  const { bids, asks } = book;
  for (let i = 0; i < LEVELS.bids; i++) {
    const bid = bids.at(i);
    bid.priceUnits = 6_100_000_000_000 - i;
    bid.sizeUnits = n + i;
    const ask = asks.at(i);
    ask.priceUnits = 6_100_000_000_001 + i;
    ask.sizeUnits = n + i;
  }
}

// A number that is no small integer and crosses a call which the engine does not inline is put on the heap: 16 bytes, for
// the caller's sake, whatever is called. So numbers here stay in the function that reads or computes them: what is read
// goes into `total`, times come from `TIMES`, and functions are short enough for the engine to inline what they call.

/** A sum over all that was read. */
const total = new Float64Array(1);
const TIMES = Float64Array.from({ length: VARIED }, (_, i) => TIME_US + i);

function readTrade(trade: FlyweightOf<typeof TradeTLV>): void {
  const { instrument, priceUnits, volumeUnits, exchangeTimestampUs, side, flags } = trade;
  total[0]! += instrument.assetIdLow + priceUnits + volumeUnits + exchangeTimestampUs + side + flags;
}

function readHalves(trade: FlyweightOf<typeof TradeTLV>): void {
  total[0]! += trade.priceLow + trade.priceHigh + trade.volumeLow + trade.volumeHigh;
}

function readQuote(quote: FlyweightOf<typeof QuoteTLV>): void {
  const { instrument, bidPriceUnits, askPriceUnits, bidSizeUnits, askSizeUnits, exchangeTimestampUs } = quote;
  total[0]! +=
    instrument.assetIdLow + bidPriceUnits + askPriceUnits + bidSizeUnits + askSizeUnits + exchangeTimestampUs;
}

type Levels = FlyweightOf<typeof OrderBookTLV>["bids"];

function readLevels(levels: Levels): void {
  for (let i = 0; i < levels.count; i++) {
    const level = levels.at(i);
    total[0]! += level.priceUnits + level.sizeUnits;
  }
}

function readBook(book: FlyweightOf<typeof OrderBookTLV>): void {
  total[0]! +=
    book.instrument.assetIdLow + book.exchangeTimestampUs + book.updateIdNumber + book.chunkCount + book.flags;
  readLevels(book.bids);
  readLevels(book.asks);
}

function readHeader(): void {
  total[0]! += view.sequence + view.timestampUs;
}

function readReceived(received: FlyweightOf<typeof ReceiveTimestampTLV>): void {
  total[0]! += received.receivedAtUs;
}

function seal(n: number): void {
  total[0]! += own.seal(n, TIMES[n % VARIED]!);
  own.reset();
}

function sealCallers(n: number): void {
  total[0]! += callers.seal(n, TIMES[n % VARIED]!);
}

function found<T extends AnyTLV>(tlv: T): FlyweightOf<T> {
  return view.find(tlv) as FlyweightOf<T>;
}

/** Messages one after the other in one memory, and where each starts; the last start is the end. */
interface Row extends MessageBuffer {
  readonly starts: readonly number[];
}

function rowOf(make: (builder: TLVBuilder, n: number) => void): Row {
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1 });
  const memory = allocateBuffer(1 << 16);
  const starts = [0];
  for (let n = 0; n < VARIED; n++) {
    const start = starts.at(-1) as number;
    builder.into(memory, start);
    make(builder, n);
    starts.push(start + builder.seal(n + 1, TIME_US + n));
  }
  return { ...messageBuffer(memory.bytes.slice(0, starts.at(-1))), starts };
}

const trades = rowOf((builder, n) => fillTrade(builder.append(TradeTLV), n));
const quotes = rowOf((builder, n) => fillQuote(builder.append(QuoteTLV), n));
const books = rowOf((builder, n) => fillBook(builder.append(OrderBookTLV, LEVELS), n));
/** Two quotes and a trade, with extensions between them. */
const several = rowOf((builder, n) => {
  fillQuote(builder.append(QuoteTLV), n);
  builder.append(DecimalsTLV).price = 8;
  fillQuote(builder.append(QuoteTLV), n + 1);
  fillTrade(builder.append(TradeTLV), n);
  builder.append(ReceiveTimestampTLV).receivedAtUs = TIME_US;
});

const own = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1 });
const callers = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1 });
const memory = allocateBuffer(4_096);
const view = new MessageView();
const byInstrument = new InstrumentMap<{ readonly n: number }>();
for (let i = 0; i < 10_000; i++)
  byInstrument.set(new InstrumentId(Venue.Binance, AssetType.SpotPair, BigInt(i)), { n: i });
for (const [n, instrument] of instruments.entries()) byInstrument.set(instrument, { n });
const framer = new StreamFramer((_, offset, byteLength) => {
  total[0]! += offset + byteLength;
});

/** Checks one of a row's messages and points the view at it. */
function open(row: Row, n: number): void {
  const at = n % VARIED;
  const start = row.starts[at] as number;
  view.read(row, start, (row.starts[at + 1] as number) - start);
}

const CHUNK_MESSAGES = VARIED * 16;
const chunk = new Uint8Array(trades.bytes.byteLength * 16);
for (let i = 0; i < 16; i++) chunk.set(trades.bytes, i * trades.bytes.byteLength);

let kept: unknown;

/**
 * One operation each, of the n-th message, in steps: the engine compiles each step by itself, as it does the parts of a
 * program that is larger than a loop.
 */
const subjects: Readonly<Record<string, readonly ((n: number) => void)[]>> = {
  "build Trade": [(n) => fillTrade(own.append(TradeTLV), n), seal],
  "build Quote": [(n) => fillQuote(own.append(QuoteTLV), n), seal],
  "build OrderBook, 20 levels a side": [(n) => fillBook(own.append(OrderBookTLV, LEVELS), n), seal],
  "build Trade in the caller's memory": [
    (n) => void callers.into(memory, n & 1023),
    (n) => fillTrade(callers.append(TradeTLV), n),
    sealCallers,
  ],
  "read Trade": [(n) => open(trades, n), readHeader, () => readTrade(found(TradeTLV))],
  "read Trade by halves": [(n) => open(trades, n), () => readHalves(found(TradeTLV))],
  "read Quote": [(n) => open(quotes, n), readHeader, () => readQuote(found(QuoteTLV))],
  "read OrderBook, 20 levels a side": [(n) => open(books, n), readHeader, () => readBook(found(OrderBookTLV))],
  "find in a message of five TLVs": [
    (n) => open(several, n),
    () => readTrade(found(TradeTLV)),
    () => readReceived(found(ReceiveTimestampTLV)),
  ],
  "walk over a message of five TLVs": [
    (n) => open(several, n),
    () => {
      const tlvs = view.tlvs();
      while (tlvs.next()) {
        if (tlvs.type === QuoteTLV.type) readQuote(view.at(tlvs, QuoteTLV));
        else total[0]! += tlvs.valueBytes;
      }
    },
  ],
  "look an instrument up by its id": [
    (n) => {
      total[0]! += byInstrument.get(instrumentOf(n))?.n ?? 0;
    },
  ],
  "look an instrument up by its bytes": [
    (n) => {
      total[0]! += byInstrument.getAt(trades.view, trades.starts[n % VARIED]! + 34)?.n ?? 0;
    },
  ],
  // Of 1,024 messages each, and an operation is a message: what a chunk costs itself (a view over it) is allowed.
  "push chunks through the framer": [
    (n) => {
      if (n % CHUNK_MESSAGES === 0) framer.push(chunk);
    },
  ],
  "control: a bigint of 24 bytes": [
    (n) => {
      kept = control.wrap(trades.view, trades.starts[n % VARIED]! + 34, 40).price;
    },
  ],
  "control: enough for a garbage collection": [
    (n) => {
      kept = new Array(100).fill(n);
    },
  ],
};
const control = TradeTLV.flyweight();

/** A loop of its own for each subject, with what the engine learns about its steps. */
function loopOf(steps: readonly ((n: number) => void)[]): (operations: number) => void {
  const loop = "return (operations) => { for (let n = 0; n < operations; n++) for (const step of steps) step(n); }";
  return new Function("steps", loop)([...steps, () => {}]);
}

const observed: number[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) observed.push(startTime);
});
observer.observe({ entryTypes: ["gc"] });

function usedBytes(): number {
  return getHeapStatistics().used_heap_size + process.memoryUsage().arrayBuffers;
}

async function measured(subject: string, loop: (operations: number) => void): Promise<AllocationRow> {
  for (let i = 0; i < WARM_UPS; i++) loop(OPERATIONS);
  const bytes: number[] = [];
  let collections = 0;
  for (let round = 0; round < ROUNDS; round++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setImmediate(resolve)); // compilers that wait for the thread, and the observer
    usedBytes();
    const start = performance.now();
    const before = usedBytes();
    loop(OPERATIONS);
    const after = usedBytes();
    const end = performance.now();
    bytes.push((after - before) / OPERATIONS);
    await new Promise((resolve) => setTimeout(resolve, 1));
    collections += observed.filter((at) => at >= start && at <= end).length;
  }
  return { subject, bytes, collections };
}

const rows: AllocationRow[] = [];
for (const [subject, steps] of Object.entries(subjects)) rows.push(await measured(subject, loopOf(steps)));
if (!(total[0]! > 0) || kept === undefined) throw new Error("nothing was read");
process.stdout.write(JSON.stringify(rows));
