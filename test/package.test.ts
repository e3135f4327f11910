import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { ALL_TLVS } from "../src/tlvs/all.js";

/**
 * All values that each subpath exports, in alphabetical order. A name that is added or goes is a decision: make it
 * here too. (Types vanish at run time; typedoc sees to their documentation.)
 */
const EXPORTS: Readonly<Record<string, readonly string[]>> = {
  alphapulse: [
    "AccessTokens",
    "Actor",
    "AlphaPulseError",
    "AssetType",
    "InstrumentId",
    "InstrumentMap",
    "LiveClock",
    "Message",
    "MessageView",
    "Pipeline",
    "ProtocolError",
    "Relay",
    "RelayDomain",
    "ReplayClock",
    "Side",
    "Source",
    "StreamFramer",
    "TLVBuilder",
    "Transport",
    "ValueRangeError",
    "Venue",
    "connect",
    "crc32",
    "crc32c",
    "fixed8",
    "formatFixed",
    "formatFixed8",
    "messageBuffer",
    "parseFixed",
    "parseMessage",
    "restamp",
    ...ALL_TLVS.map(({ name }) => `${name}TLV`),
  ],
  "alphapulse/schema": [
    "blob",
    "bytes",
    "defineTLV",
    "duration",
    "group",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "instrument",
    "optional",
    "price",
    "rest",
    "size",
    "sizeOf",
    "text",
    "textRest",
    "textUpTo",
    "timestamp",
    "u128",
    "u16",
    "u160",
    "u32",
    "u64",
    "u8",
    "zero",
  ],
  "alphapulse/books": ["BookError", "BookSide", "LevelChange", "LevelList", "OrderBook", "OrderBookReconstructor"],
  "alphapulse/adapters": [
    "AdapterError",
    "BinanceAdapter",
    "RecordingError",
    "detectMarket",
    "mergeRecordings",
    "readRecording",
    "readRecordings",
  ],
  "alphapulse/checksum": ["fastestChecksum"],
  "alphapulse/legacy": [
    "LegacyError",
    "LegacyType",
    "addLegacyMessage",
    "encodeLegacyMessage",
    "parseLegacyMessage",
    "readSharedOrderBookDelta",
    "readSharedTrade",
    "upgradeLegacyMessage",
    "writeSharedOrderBookDelta",
    "writeSharedTrade",
  ],
  "alphapulse/bench": ["LatencyHistogram", "compare", "consumed", "machine", "median", "writeRows"],
  "alphapulse/testing": [
    "arbitraryInstrumentId",
    "arbitraryMessage",
    "arbitraryOf",
    "fakeClock",
    "fromGolden",
    "toGolden",
    "transportConformance",
  ],
  "alphapulse/registry": [
    "ObjectCache",
    "SchemaReader",
    "SchemaRegistry",
    "announcementOf",
    "differencesOf",
    "fingerprintOf",
  ],
  "alphapulse/rings": [
    "BroadcastProducer",
    "BroadcastReader",
    "MpscConsumer",
    "MpscProducer",
    "SpscConsumer",
    "SpscProducer",
    "ThreadMemory",
    "allocateRing",
    "backOff",
    "blocking",
    "busySpin",
    "discardUnread",
    "spinThenBlock",
    "spinThenYield",
    "waitStrategyFor",
  ],
  "alphapulse/shm": ["SharedMemory", "affinity", "numaTopology", "pinThread", "yieldCore"],
  "alphapulse/guards": ["CircuitBreaker", "CircuitOpenError", "RateLimiter", "guarded"],
  "alphapulse/channels": ["Multiplexer"],
  "alphapulse/pool": ["Pool", "dnsSrv"],
};

/** Optional peers: a subpath imports its own, for users who have it, and no other package is imported anywhere. */
const PEERS: Readonly<Record<string, readonly string[]>> = {
  "alphapulse/checksum": ["@node-rs/crc32", "fast-crc32c"],
  "alphapulse/bench": ["tinybench"],
  "alphapulse/testing": ["fast-check"],
  "alphapulse/registry": ["@msgpack/msgpack"],
  "alphapulse/shm": ["alphapulse-native-shm"],
};

interface SizeRow {
  readonly subpath: string;
  readonly bytes: number;
  readonly budgetBytes: number;
  readonly packages: readonly string[];
}

describe("the package", () => {
  test("has the subpaths that are tested here", () => {
    const subpaths = Object.keys(packageJson.exports).filter((path) => path !== "./package.json");
    expect(subpaths.map((path) => path.replace(".", "alphapulse"))).toEqual(Object.keys(EXPORTS));
  });

  test.each(Object.entries(EXPORTS))("%s exports exactly the names listed", async (subpath, names) => {
    const module: Record<string, unknown> = await import(subpath);
    expect(Object.keys(module).sort()).toEqual([...names].sort());
    expect(module).not.toHaveProperty("default");
  });

  test("is one set of classes, whichever subpath brought them", async () => {
    const modules: Record<string, unknown>[] = await Promise.all(Object.keys(EXPORTS).map((path) => import(path)));
    for (const name of new Set(modules.flatMap((module) => Object.keys(module)))) {
      const values = new Set(modules.filter((module) => name in module).map((module) => module[name]));
      expect(values.size, `${name} is ${values.size} different values`).toBe(1);
    }
  });

  test("stays within its budgets, and imports no package but the peer of a subpath", async () => {
    const script = fileURLToPath(new URL("../scripts/size.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, "--json"]);
    const rows: SizeRow[] = JSON.parse(stdout);
    expect(rows.map((row) => row.subpath)).toEqual(Object.keys(EXPORTS));
    for (const { subpath, bytes, budgetBytes, packages } of rows) {
      expect(bytes, `${subpath} minified`).toBeLessThanOrEqual(budgetBytes);
      const foreign = packages.filter((name) => PEERS[subpath]?.includes(name) !== true);
      expect(foreign, `packages that ${subpath} imports`).toEqual([]);
    }
  });

  test("depends on no package at run time but optional peers", () => {
    expect(packageJson).not.toHaveProperty("dependencies");
    const peers = Object.values(PEERS).flat().sort();
    expect(Object.keys(packageJson.peerDependencies)).toEqual(peers);
    expect(packageJson.peerDependenciesMeta).toEqual(
      Object.fromEntries(peers.map((peer) => [peer, { optional: true }])),
    );
  });
});
