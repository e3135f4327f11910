import { AlphaPulseError } from "../protocol/errors.js";
import type { InstrumentId } from "../protocol/instrument-id.js";
import { InstrumentMap } from "../protocol/instrument-map.js";
import type { MessageView } from "../protocol/message-view.js";
import { TlvCursor } from "../protocol/walk.js";
import { InstrumentDiscoveredTLV, PoolDiscoveredTLV } from "../tlvs/market-data.js";
import { BoundedMap } from "./bounded-map.js";
import { type AddResult, type ObjectEvents, type ObjectRules, type ObjectStats, ObjectTable } from "./object-table.js";

/** What an InstrumentDiscovered message said. */
export interface KnownInstrument {
  readonly id: InstrumentId;
  /** As the venue writes it, also where the id is one-way. */
  readonly symbol: string;
  /** Decimals of the fixed-point prices in this instrument's messages. */
  readonly priceDecimals: number;
  /** Decimals of the fixed-point sizes in this instrument's messages. */
  readonly sizeDecimals: number;
}

/** What PoolDiscovered messages said of a token. */
export interface KnownToken {
  readonly id: InstrumentId;
  /** The whole contract address: 0x and 40 hex digits in lower case. */
  readonly address: string;
  readonly decimals: number;
}

/** What a PoolDiscovered message said. */
export interface KnownPool {
  readonly id: InstrumentId;
  /** The whole contract address: 0x and 40 hex digits in lower case. */
  readonly address: string;
  readonly symbol: string;
  readonly token0: KnownToken;
  readonly token1: KnownToken;
  /** Parts per million. */
  readonly feePpm: number;
  /** 1 constant product (V2), 2 concentrated (V3), 3 stable (Curve). */
  readonly poolType: number;
}

/** How an {@link ObjectCache} is made. Each kind has its own limit: what was used longest ago goes first. */
export interface ObjectCacheOptions extends ObjectEvents {
  /** Default 65,536. */
  readonly instrumentsMax?: number;
  /** Default 65,536. */
  readonly tokensMax?: number;
  /** Default 65,536. */
  readonly poolsMax?: number;
}

/** How things of a kind of one's own are kept. */
export interface CustomKind<Value> {
  /** What a thing is found by. */
  readonly keyOf: (value: Value) => string | number | bigint;
  /** The whole identity behind the key, where the key is less than that; default: the key is all of it. */
  readonly identityOf?: (value: Value) => string;
  /** Whether nothing changed; default `Object.is`. */
  readonly isSame?: (before: Value, after: Value) => boolean;
  /** Default 65,536. */
  readonly max?: number;
}

/** The things of a kind of one's own. */
export interface CustomObjects<Value> {
  /** Adds a thing, or what is new of it. The first one with a key stays. */
  add(value: Value): AddResult;
  /** The thing with this key. */
  get(key: string | number | bigint): Value | undefined;
  /** Takes a thing out; says whether it was there. */
  delete(key: string | number | bigint): boolean;
  /** From the one used last to the one used longest ago. */
  values(): IterableIterator<Value>;
}

const MAX_DEFAULT = 65_536;

const INSTRUMENT_RULES: ObjectRules<KnownInstrument> = {
  identityOf: ({ symbol }) => symbol,
  isSame: (a, b) => a.priceDecimals === b.priceDecimals && a.sizeDecimals === b.sizeDecimals,
};
const TOKEN_RULES: ObjectRules<KnownToken> = {
  identityOf: ({ address }) => address,
  isSame: (a, b) => a.decimals === b.decimals,
};
const POOL_RULES: ObjectRules<KnownPool> = {
  identityOf: ({ address }) => address,
  isSame: (a, b) =>
    a.symbol === b.symbol &&
    a.feePpm === b.feePpm &&
    a.poolType === b.poolType &&
    isSameToken(a.token0, b.token0) &&
    isSameToken(a.token1, b.token1),
};

function isSameToken(a: KnownToken, b: KnownToken): boolean {
  return a.id.equals(b.id) && a.address === b.address && a.decimals === b.decimals;
}

/**
 * What stands behind the ids of instruments, tokens and pools, from discovery messages: symbols, decimals, whole
 * addresses. Two things with one id are told as a collision, and the first one stays (PROTOCOL.md, "InstrumentId").
 * Bounded: what was used longest ago goes first, and that is told too.
 */
export class ObjectCache {
  readonly #events: ObjectEvents;
  readonly #instruments: ObjectTable<InstrumentId, KnownInstrument>;
  readonly #tokens: ObjectTable<InstrumentId, KnownToken>;
  readonly #pools: ObjectTable<InstrumentId, KnownPool>;
  readonly #custom = new Map<string, ObjectTable<string | number | bigint, unknown>>();
  readonly #cursor = new TlvCursor();

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: ObjectCacheOptions = {}) {
    const { instrumentsMax = MAX_DEFAULT, tokensMax = MAX_DEFAULT, poolsMax = MAX_DEFAULT } = options;
    this.#events = options;
    this.#instruments = this.#byInstrument("instrument", instrumentsMax, "instrumentsMax", INSTRUMENT_RULES);
    this.#tokens = this.#byInstrument("token", tokensMax, "tokensMax", TOKEN_RULES);
    this.#pools = this.#byInstrument("pool", poolsMax, "poolsMax", POOL_RULES);
  }

  /**
   * Takes all discovery TLVs of a message; any other message is left alone at the price of a look at its types. Returns
   * how many there were.
   * @throws ProtocolError BAD_LENGTH or BAD_TEXT
   */
  observe(message: MessageView): number {
    const { buffer } = message;
    const cursor = this.#cursor.begin(buffer.view, message.offset, message.byteLength);
    let count = 0;
    while (cursor.next()) {
      const { type, valueOffset, valueBytes } = cursor;
      if (type === InstrumentDiscoveredTLV.type) {
        this.addInstrument(InstrumentDiscoveredTLV.decodeAt(buffer.view, valueOffset, valueBytes));
      } else if (type === PoolDiscoveredTLV.type) {
        this.addPool(PoolDiscoveredTLV.decodeAt(buffer.view, valueOffset, valueBytes));
      } else continue;
      count++;
    }
    return count;
  }

  /** Takes an instrument. Its metadata is not kept. */
  addInstrument(discovered: InstrumentDiscoveredTLV): AddResult {
    const { instrument: id, symbol, priceDecimals, sizeDecimals } = discovered;
    return this.#instruments.add(id, { id, symbol, priceDecimals, sizeDecimals });
  }

  /** Takes a pool and both of its tokens. */
  addPool(discovered: PoolDiscoveredTLV): AddResult {
    const { pool: id, symbol, feePpm, poolType } = discovered;
    const token0 = tokenOf(discovered.token0, discovered.token0Address, discovered.token0Decimals);
    const token1 = tokenOf(discovered.token1, discovered.token1Address, discovered.token1Decimals);
    this.#tokens.add(token0.id, token0);
    this.#tokens.add(token1.id, token1);
    const address = addressOf(discovered.poolAddress);
    return this.#pools.add(id, { id, address, symbol, token0, token1, feePpm, poolType });
  }

  /** The instrument with this id. */
  instrument(id: InstrumentId): KnownInstrument | undefined {
    return this.#instruments.get(id);
  }

  /** The token with this id. */
  token(id: InstrumentId): KnownToken | undefined {
    return this.#tokens.get(id);
  }

  /** The pool with this id. */
  pool(id: InstrumentId): KnownPool | undefined {
    return this.#pools.get(id);
  }

  /** The symbol of an instrument or pool: as it was discovered, else as the id itself says it. */
  symbolOf(id: InstrumentId): string | undefined {
    return this.#instruments.get(id)?.symbol ?? this.#pools.get(id)?.symbol ?? id.symbol;
  }

  /** Decimals of an instrument's prices and sizes; of a token its own for both. `undefined` where it is not known. */
  decimalsOf(id: InstrumentId): { readonly price: number; readonly size: number } | undefined {
    const instrument = this.#instruments.get(id);
    if (instrument !== undefined) return { price: instrument.priceDecimals, size: instrument.sizeDecimals };
    const token = this.#tokens.get(id);
    return token === undefined ? undefined : { price: token.decimals, size: token.decimals };
  }

  /**
   * Adds a kind of one's own, with a key for each thing.
   * @param kind what events and statistics call it
   * @throws AlphaPulseError BAD_OPTION where the kind is there already, or `max` cannot be
   */
  define<Value>(kind: string, options: CustomKind<Value>): CustomObjects<Value> {
    if (BUILT_IN.includes(kind) || this.#custom.has(kind)) {
      throw new AlphaPulseError("BAD_OPTION", `ObjectCache: there is a kind ${kind} already`);
    }
    const { keyOf, max = MAX_DEFAULT, isSame = Object.is } = options;
    const identityOf = options.identityOf ?? ((value: Value) => String(keyOf(value)));
    const objects = new BoundedMap<string | number | bigint, Value>(
      new Map(),
      max,
      this.#evicted(kind),
      `${kind}: max`,
    );
    const table = new ObjectTable(kind, objects, { identityOf, isSame }, this.#events);
    this.#custom.set(kind, table as ObjectTable<string | number | bigint, unknown>);
    return {
      add: (value) => table.add(keyOf(value), value),
      get: (key) => table.get(key),
      delete: (key) => table.delete(key),
      values: () => table.values(),
    };
  }

  /** Counts by kind: `instrument`, `token`, `pool`, and one's own. */
  stats(): Readonly<Record<string, ObjectStats>> {
    const stats: Record<string, ObjectStats> = {
      instrument: this.#instruments.stats(),
      token: this.#tokens.stats(),
      pool: this.#pools.stats(),
    };
    for (const [kind, table] of this.#custom) stats[kind] = table.stats();
    return stats;
  }

  #byInstrument<Value>(
    kind: string,
    max: number,
    option: string,
    rules: ObjectRules<Value>,
  ): ObjectTable<InstrumentId, Value> {
    const objects = new BoundedMap<InstrumentId, Value>(new InstrumentMap(), max, this.#evicted(kind), option);
    return new ObjectTable(kind, objects, rules, this.#events);
  }

  #evicted(kind: string): (key: InstrumentId | string | number | bigint, object: unknown) => void {
    return (key, object) => this.#events.onEvicted?.({ kind, key, object });
  }
}

const BUILT_IN: readonly string[] = ["instrument", "token", "pool"];

function tokenOf(id: InstrumentId, address: Uint8Array, decimals: number): KnownToken {
  return { id, address: addressOf(address), decimals };
}

function addressOf(bytes: Uint8Array): string {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
