import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { MessageView } from "../../src/protocol/message-view.js";
import { AssetType, RelayDomain, Venue } from "../../src/protocol/tables.js";
import { ObjectCache } from "../../src/registry/object-cache.js";
import type { Change, Collision, Eviction } from "../../src/registry/object-table.js";
import { InstrumentDiscoveredTLV, PoolDiscoveredTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { tradeOf } from "../samples.js";

const metadata = new Uint8Array(0);
const symbolOf = (symbol: string, assetType: number = AssetType.SpotPair): InstrumentDiscoveredTLV => ({
  instrument: InstrumentId.of(Venue.Kraken, assetType, symbol),
  priceDecimals: 5,
  sizeDecimals: 8,
  symbol,
  metadata,
});
/** A contract address that begins with these bytes. */
const address = (...first: number[]): Uint8Array => Uint8Array.from({ length: 20 }, (_, i) => first[i] ?? 0xee);
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const idOf = (assetType: number, bytes: Uint8Array): InstrumentId =>
  InstrumentId.ofAddress(Venue.UniswapV3, assetType, hex(bytes));
const poolOf = (pool: Uint8Array, token0: Uint8Array, token1: Uint8Array): PoolDiscoveredTLV => ({
  pool: idOf(AssetType.Pool, pool),
  token0: idOf(AssetType.Token, token0),
  token1: idOf(AssetType.Token, token1),
  poolAddress: pool,
  token0Address: token0,
  token1Address: token1,
  feePpm: 3_000,
  token0Decimals: 18,
  token1Decimals: 6,
  poolType: 2,
  symbol: "WETH/USDC",
});

/** A cache that writes down what it tells. */
function watched(options: object = {}) {
  const told = { collisions: [] as Collision[], changes: [] as Change[], evictions: [] as Eviction[] };
  const cache = new ObjectCache({
    ...options,
    onCollision: (collision) => told.collisions.push(collision),
    onChanged: (change) => told.changes.push(change),
    onEvicted: (eviction) => told.evictions.push(eviction),
  });
  return { cache, told };
}

describe("an object cache", () => {
  const oneWay = symbolOf("BTC/USD perpetual, 27 June 2027");

  test("gives the symbol behind a one-way id, and its decimals", () => {
    const { cache, told } = watched();
    expect(oneWay.instrument.symbol).toBeUndefined();
    expect(cache.symbolOf(oneWay.instrument)).toBeUndefined();
    expect(cache.decimalsOf(oneWay.instrument)).toBeUndefined();
    expect(cache.addInstrument(oneWay)).toBe("added");
    expect(cache.symbolOf(oneWay.instrument)).toBe("BTC/USD perpetual, 27 June 2027");
    expect(cache.decimalsOf(oneWay.instrument)).toEqual({ price: 5, size: 8 });
    expect(cache.addInstrument({ ...oneWay })).toBe("known");
    expect(told).toEqual({ collisions: [], changes: [], evictions: [] });
  });

  test("says the symbol that is in the id itself where nothing was discovered", () => {
    expect(new ObjectCache().symbolOf(InstrumentId.of(Venue.Kraken, AssetType.SpotPair, "BTC/USD"))).toBe("BTC/USD");
  });

  test("gives the whole addresses of a pool and its tokens behind their prefixes", () => {
    const cache = new ObjectCache();
    const [pool, weth, usdc] = [address(1), address(2), address(3)];
    expect(cache.addPool(poolOf(pool, weth, usdc))).toBe("added");
    expect(cache.pool(idOf(AssetType.Pool, pool))).toEqual({
      id: idOf(AssetType.Pool, pool),
      address: hex(pool),
      symbol: "WETH/USDC",
      token0: { id: idOf(AssetType.Token, weth), address: hex(weth), decimals: 18 },
      token1: { id: idOf(AssetType.Token, usdc), address: hex(usdc), decimals: 6 },
      feePpm: 3_000,
      poolType: 2,
    });
    expect(cache.token(idOf(AssetType.Token, usdc))?.address).toBe(hex(usdc));
    expect(cache.decimalsOf(idOf(AssetType.Token, usdc))).toEqual({ price: 6, size: 6 });
    expect(cache.symbolOf(idOf(AssetType.Pool, pool))).toBe("WETH/USDC");
    expect(cache.addPool(poolOf(pool, weth, usdc))).toBe("known");
  });

  test("reports two symbols with one id; the first one stays", () => {
    const { cache, told } = watched();
    cache.addInstrument(oneWay);
    expect(cache.addInstrument({ ...oneWay, symbol: "another thing", priceDecimals: 0 })).toBe("collision");
    const { instrument: key, symbol: standing } = oneWay;
    expect(told.collisions).toEqual([{ kind: "instrument", key, standing, refused: "another thing" }]);
    expect(cache.instrument(key)).toMatchObject({ symbol: standing, priceDecimals: 5 });
    expect(cache.stats().instrument).toEqual({ size: 1, evicted: 0, collisions: 1, changed: 0 });
  });

  test("reports two contracts whose addresses begin alike, tokens and pools", () => {
    const { cache, told } = watched();
    const alike = address(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const other = address(1, 2, 3, 4, 5, 6, 7, 8, 10);
    cache.addPool(poolOf(alike, alike, address(3)));
    expect(cache.addPool(poolOf(other, other, address(3)))).toBe("collision");
    expect(told.collisions.map(({ kind, standing, refused }) => [kind, standing, refused])).toEqual([
      ["token", hex(alike), hex(other)],
      ["pool", hex(alike), hex(other)],
    ]);
    expect(cache.token(idOf(AssetType.Token, other))?.address).toBe(hex(alike));
  });

  test("keys on all 96 bits: the same asset id at another venue, or of another type, is another thing", () => {
    const cache = new ObjectCache();
    const assetId = 2n ** 63n + 5n;
    const ids = [
      new InstrumentId(Venue.Kraken, AssetType.SpotPair, assetId),
      new InstrumentId(Venue.Binance, AssetType.SpotPair, assetId),
      new InstrumentId(Venue.Kraken, AssetType.Future, assetId),
      new InstrumentId(Venue.Kraken, AssetType.SpotPair, 5n),
    ];
    ids.forEach((instrument, i) => {
      expect(cache.addInstrument({ ...oneWay, instrument, symbol: `${i}` })).toBe("added");
    });
    expect(ids.map((id) => cache.symbolOf(id))).toEqual(["0", "1", "2", "3"]);
  });

  test("takes what changed, and tells it", () => {
    const { cache, told } = watched();
    cache.addInstrument(oneWay);
    expect(cache.addInstrument({ ...oneWay, sizeDecimals: 2 })).toBe("changed");
    expect(cache.decimalsOf(oneWay.instrument)).toEqual({ price: 5, size: 2 });
    expect(told.changes).toMatchObject([
      { kind: "instrument", before: { sizeDecimals: 8 }, after: { sizeDecimals: 2 } },
    ]);
    const pool = poolOf(address(1), address(2), address(3));
    cache.addPool(pool);
    expect(cache.addPool({ ...pool, token1Decimals: 7 })).toBe("changed");
    expect(told.changes.slice(1).map(({ kind }) => kind)).toEqual(["token", "pool"]);
    const elsewhere = InstrumentId.ofAddress(Venue.SushiSwap, AssetType.Token, hex(address(2)));
    for (const change of [{ token0: elsewhere }, { feePpm: 1 }, { poolType: 1 }, { symbol: "x" }]) {
      expect(cache.addPool({ ...pool, token1Decimals: 7, ...change })).toBe("changed");
      cache.addPool({ ...pool, token1Decimals: 7 });
    }
  });

  test("is bounded: what was asked for longest ago goes first, and is told", () => {
    const { cache, told } = watched({ instrumentsMax: 2, tokensMax: 2, poolsMax: 1 });
    const [a, b, c] = [symbolOf("A"), symbolOf("B"), symbolOf("C")];
    cache.addInstrument(a);
    cache.addInstrument(b);
    cache.symbolOf(a.instrument);
    cache.addInstrument(c);
    expect(told.evictions).toMatchObject([{ kind: "instrument", key: b.instrument, object: { symbol: "B" } }]);
    expect(cache.instrument(b.instrument)).toBeUndefined();
    cache.addPool(poolOf(address(1), address(2), address(3)));
    cache.addPool(poolOf(address(4), address(2), address(5)));
    expect(told.evictions.slice(1).map(({ kind, key }) => [kind, key])).toEqual([
      ["token", idOf(AssetType.Token, address(3))],
      ["pool", idOf(AssetType.Pool, address(1))],
    ]);
    expect(cache.stats()).toMatchObject({ instrument: { size: 2, evicted: 1 }, token: { size: 2, evicted: 1 } });
  });

  test.each([0, -1, 1.5, Number.NaN])("cannot be bounded by %s", (max) => {
    const refused = expect.objectContaining({ code: "BAD_OPTION" });
    for (const option of ["instrumentsMax", "tokensMax", "poolsMax"]) {
      expect(() => new ObjectCache({ [option]: max })).toThrow(refused);
      expect(() => new ObjectCache({ [option]: max })).toThrow(option);
    }
    expect(() => new ObjectCache().define("order", { keyOf: String, max })).toThrow(refused);
  });
});

describe("messages", () => {
  const observe = (cache: ObjectCache, bytes: Uint8Array): number =>
    cache.observe(new MessageView().wrap(messageBuffer(bytes), 0, bytes.byteLength));
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1_000 });

  test("feed it: every discovery in them, and nothing else", () => {
    const cache = new ObjectCache();
    const pool = poolOf(address(1), address(2), address(3));
    const bytes = builder
      .add(InstrumentDiscoveredTLV, symbolOf("ONE THING"))
      .add(TradeTLV, tradeOf(1))
      .add(InstrumentDiscoveredTLV, symbolOf("ANOTHER THING"))
      .add(PoolDiscoveredTLV, pool)
      .build();
    expect(observe(cache, bytes)).toBe(3);
    expect(cache.symbolOf(symbolOf("ONE THING").instrument)).toBe("ONE THING");
    expect(cache.symbolOf(symbolOf("ANOTHER THING").instrument)).toBe("ANOTHER THING");
    expect(cache.pool(pool.pool)?.address).toBe(hex(address(1)));
    expect(observe(cache, builder.add(TradeTLV, tradeOf(1)).build())).toBe(0);
    const { instrument, token, pool: pools } = cache.stats();
    expect([instrument?.size, token?.size, pools?.size]).toEqual([2, 2, 1]);
  });

  test("that are malformed are an error, and the next one is taken", () => {
    const cache = new ObjectCache();
    expect(() => observe(cache, builder.addRaw(10, new Uint8Array(3)).build())).toThrow(
      expect.objectContaining({ code: "BAD_LENGTH" }),
    );
    expect(observe(cache, builder.add(InstrumentDiscoveredTLV, symbolOf("A")).build())).toBe(1);
  });
});

describe("a kind of one's own", () => {
  interface Account {
    readonly number: number;
    readonly owner: string;
    readonly limit: number;
  }
  const ada: Account = { number: 1, owner: "Ada", limit: 5 };

  test("is found by its key, told apart by its identity, and bounded", () => {
    const { cache, told } = watched();
    const accounts = cache.define<Account>("account", {
      keyOf: ({ number }) => number,
      identityOf: ({ owner }) => owner,
      isSame: (a, b) => a.limit === b.limit,
      max: 2,
    });
    expect(accounts.add(ada)).toBe("added");
    expect(accounts.add({ ...ada })).toBe("known");
    expect(accounts.add({ ...ada, limit: 6 })).toBe("changed");
    expect(accounts.add({ ...ada, owner: "Bob" })).toBe("collision");
    expect(accounts.get(1)).toEqual({ ...ada, limit: 6 });
    accounts.add({ ...ada, number: 2 });
    accounts.add({ ...ada, number: 3 });
    expect([...accounts.values()].map(({ number }) => number)).toEqual([3, 2]);
    expect(accounts.delete(2)).toBe(true);
    expect(told.collisions).toEqual([{ kind: "account", key: 1, standing: "Ada", refused: "Bob" }]);
    expect(told.evictions).toMatchObject([{ kind: "account", key: 1 }]);
    expect(cache.stats().account).toEqual({ size: 1, evicted: 1, collisions: 1, changed: 1 });
  });

  test("needs only a key", () => {
    const cache = new ObjectCache();
    const orders = cache.define<{ id: bigint }>("order", { keyOf: ({ id }) => id });
    const order = { id: 5n };
    expect(orders.add(order)).toBe("added");
    expect(orders.add(order)).toBe("known");
    expect(orders.add({ id: 5n })).toBe("changed");
    expect(orders.get(5n)).toEqual({ id: 5n });
  });

  test.each(["instrument", "token", "pool", "mine"])("is not called %s, which is there already", (kind) => {
    const cache = new ObjectCache();
    cache.define("mine", { keyOf: String });
    expect(() => cache.define(kind, { keyOf: String })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});
