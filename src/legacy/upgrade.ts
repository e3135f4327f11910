import { type BuildOptions, TLVBuilder } from "../protocol/builder.js";
import type { WrittenChecksum } from "../protocol/checksum.js";
import type { InstrumentFields } from "../protocol/instrument-id.js";
import type { RawTLV } from "../protocol/message.js";
import { RelayDomain } from "../protocol/tables.js";
import { DeFiSignalTLV, LiquidityImbalanceTLV, MevOpportunityTLV, PoolArbitrageSignalTLV } from "../tlvs/defi.js";
import { InstrumentDiscoveredTLV, PoolDiscoveredTLV, QuoteTLV, TradeTLV } from "../tlvs/market-data.js";
import { ArbitrageSignalTLV } from "../tlvs/signal.js";
import type { LegacyBodies } from "./bodies.js";
import { LegacyError } from "./errors.js";
import { counterpartOf } from "./extensions.js";
import { type LegacyMessage, type LegacyParseOptions, parseLegacyMessage } from "./message.js";
import { legacyTypeName } from "./types.js";

/** What a message of the first version does not say of a pool, and PoolDiscovered wants. */
export interface PoolDetails {
  readonly token0: InstrumentFields;
  readonly token1: InstrumentFields;
  /** 20 bytes, as are the other two. */
  readonly poolAddress: Uint8Array;
  readonly token0Address: Uint8Array;
  readonly token1Address: Uint8Array;
  /** Parts per million. */
  readonly feePpm: number;
  readonly token0Decimals: number;
  readonly token1Decimals: number;
  /** 1 constant product, 2 concentrated, 3 stable. */
  readonly poolType: number;
}

/** How bodies go over. */
export interface UpgradeBodyOptions {
  /** What is known of the pool of a PoolDiscovered; where nothing is, it goes over as InstrumentDiscovered. */
  readonly pool?: (pool: LegacyBodies["PoolDiscovered"]) => PoolDetails | undefined;
}

/** How {@link upgradeLegacyMessage} works. */
export interface UpgradeOptions extends UpgradeBodyOptions {
  /** How bytes are read, where bytes are given. */
  readonly read?: LegacyParseOptions;
  /** Who sends the new message; default: who sent the old one. */
  readonly source?: number;
  /** The sequence of the new message; default: that of the old one where it is a safe integer, else 0, and noted. */
  readonly sequence?: bigint | number;
  /** The checksum of the new message, by name or an implementation; default `crc32c`. */
  readonly checksum?: WrittenChecksum;
  /** Whether a note is an error: LOSSY_UPGRADE. Default false. */
  readonly strict?: boolean;
}

/** Something of a message that did not go over as it was. */
export interface UpgradeNote {
  /** Where it stood: a field of the body, `header.…`, `extensions` or `kind`. */
  readonly field: string;
  /** What stood there. */
  readonly value: unknown;
  /** What became of it, for people. */
  readonly detail: string;
}

/** An upgraded message. */
export interface UpgradedMessage {
  /** A whole message of this version. */
  readonly bytes: Uint8Array;
  /** What did not go over as it was; mostly empty. */
  readonly notes: readonly UpgradeNote[];
}

/** A MessagePack map of any size begins with one of these bytes. */
const isMapByte = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x80 && byte <= 0x8f) || byte === 0xde || byte === 0xdf);

/**
 * A message of the first version as one of this version: the same domain, source, sequence and time stamp, the body as
 * its TLV, the extensions behind it.
 *
 * @param message its bytes, or what {@link parseLegacyMessage} made of them
 * @throws ProtocolError as {@link parseLegacyMessage}; BAD_LENGTH where an extension of a known layout has a wrong length
 * @throws LegacyError NO_UPGRADE where the body is not known, LOSSY_UPGRADE where `strict` and something is noted
 */
export function upgradeLegacyMessage(
  message: Uint8Array | LegacyMessage,
  options: UpgradeOptions = {},
): UpgradedMessage {
  const legacy = message instanceof Uint8Array ? parseLegacyMessage(message, options.read) : message;
  const { header } = legacy;
  const notes: UpgradeNote[] = [];
  const builder = new TLVBuilder({ domain: legacyDomainOf(legacy), source: options.source ?? header.source });
  notes.push(...addLegacyMessage(builder, legacy, options));
  if (header.flags !== 0) notes.push(lost("header.flags", header.flags, "the header has no flags"));
  const sequence = options.sequence ?? sequenceOf(header.sequence, notes);
  const { timestamp } = header;
  const stamps: BuildOptions = { sequence, timestamp, checksum: options.checksum ?? "crc32c" };
  if (options.strict === true && notes.length > 0) {
    const [{ field, detail }] = notes as [UpgradeNote];
    const more = notes.length > 1 ? `, and ${notes.length - 1} more` : "";
    const what = `${legacyTypeName(header.messageType)} does not go over whole: ${field}: ${detail}${more}`;
    throw new LegacyError("LOSSY_UPGRADE", `${what}; without \`strict\` it does, with notes`);
  }
  return { bytes: builder.build(stamps), notes };
}

/**
 * Adds the body of a message of the first version, and its extensions, to a builder: for whoever stamps messages, or
 * adds extensions, of their own. Like every call of a builder, one that throws drops the message that was being built.
 *
 * @returns what did not go over as it was
 * @throws LegacyError NO_UPGRADE; ProtocolError BAD_LENGTH, or as the builder's `add`
 */
export function addLegacyMessage(
  builder: TLVBuilder,
  message: LegacyMessage,
  options: UpgradeBodyOptions = {},
): UpgradeNote[] {
  try {
    return addBody(builder, message, options);
  } catch (error) {
    builder.reset();
    throw error;
  }
}

function addBody(builder: TLVBuilder, message: LegacyMessage, options: UpgradeBodyOptions): UpgradeNote[] {
  switch (message.kind) {
    case "Trade":
      builder.add(TradeTLV, { ...message.body, exchangeTimestamp: 0n });
      return [];
    case "Quote":
      builder.add(QuoteTLV, { ...message.body, exchangeTimestamp: 0n });
      return [];
    case "ArbitrageOpportunity":
      builder.add(ArbitrageSignalTLV, { ...message.body, legs: [] });
      return [];
    case "PoolArbitrageSignal":
      builder.add(PoolArbitrageSignalTLV, message.body);
      return [];
    case "LiquidityImbalance":
      builder.add(LiquidityImbalanceTLV, message.body);
      return [];
    case "MevOpportunity":
      builder.add(MevOpportunityTLV, message.body);
      return [];
    case "DeFiSignal":
      builder.add(DeFiSignalTLV, message.body);
      return message.body.extensions.flatMap((extension) => addExtension(builder, extension));
    case "InstrumentDiscovered":
      return addInstrument(builder, message.body);
    case "PoolDiscovered":
      return addPool(builder, message.body, options.pool?.(message.body));
    default:
      throw noUpgrade(message);
  }
}

function addInstrument(builder: TLVBuilder, body: LegacyBodies["InstrumentDiscovered"]): UpgradeNote[] {
  const { instrument, decimals, symbol, metadata } = body;
  builder.add(InstrumentDiscoveredTLV, {
    instrument,
    priceDecimals: decimals,
    sizeDecimals: decimals,
    symbol,
    metadata,
  });
  if (metadata.byteLength === 0 || isMapByte(metadata[0])) return [];
  const detail = "went over byte for byte, but is no MessagePack map, as readers here expect";
  return [{ field: "metadata", value: metadata, detail }];
}

function addPool(
  builder: TLVBuilder,
  body: LegacyBodies["PoolDiscovered"],
  details: PoolDetails | undefined,
): UpgradeNote[] {
  const { instrument: pool, decimals, symbol, metadata } = body;
  if (details === undefined) {
    const detail = "went over as InstrumentDiscovered: tokens, addresses and fee are not in it, give them with `pool`";
    return [{ field: "kind", value: "PoolDiscovered", detail }, ...addInstrument(builder, body)];
  }
  builder.add(PoolDiscoveredTLV, { ...details, pool, symbol });
  const notes = [lost("decimals", decimals, "a pool has decimals for each of its tokens")];
  if (metadata.byteLength > 0) notes.push(lost("metadata", metadata, "PoolDiscovered has no metadata"));
  return notes;
}

function addExtension(builder: TLVBuilder, { type, value }: RawTLV): UpgradeNote[] {
  const counterpart = counterpartOf(type);
  if (counterpart === undefined) return [lost("extensions", { type, value }, "no extension corresponds to this type")];
  const { tlv, hasLayout } = counterpart;
  const { fixedBytes } = tlv.layout;
  if (value.byteLength !== fixedBytes && !hasLayout) {
    const detail = `the first version does not say how it is laid out, and ${tlv.name} has ${fixedBytes} bytes`;
    return [lost("extensions", { type, value }, detail)];
  }
  builder.add(tlv, tlv.decode(value));
  return [];
}

function legacyDomainOf(message: LegacyMessage): number {
  switch (message.kind) {
    case "Trade":
    case "Quote":
    case "InstrumentDiscovered":
    case "PoolDiscovered":
      return RelayDomain.MarketData;
    default:
      return RelayDomain.Signal; // of what is not known, adding says so
  }
}

/** A sequence is a safe integer here (PROTOCOL.md, "Sequences"). */
function sequenceOf(sequence: bigint, notes: UpgradeNote[]): bigint {
  if (sequence <= BigInt(Number.MAX_SAFE_INTEGER)) return sequence;
  notes.push(lost("header.sequence", sequence, "beyond 2^53 - 1: the message is unsequenced, or give it a `sequence`"));
  return 0n;
}

function lost(field: string, value: unknown, why: string): UpgradeNote {
  return { field, value, detail: `lost: ${why}` };
}

function noUpgrade({ header }: LegacyMessage): LegacyError {
  const what = legacyTypeName(header.messageType);
  return new LegacyError("NO_UPGRADE", `${what} has no body that is known: read its bytes and build its TLV yourself`);
}
