import { ProtocolError, ValueRangeError } from "../protocol/errors.js";
import type { RawTLV } from "../protocol/message.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import {
  CrossChainTLV,
  FlashLoanParamsTLV,
  GasHintsTLV,
  Layer2ParamsTLV,
  LiquidationTargetTLV,
  MevBundleTLV,
  PoolAddressesTLV,
  SandwichParamsTLV,
  SlippageModelTLV,
  TertiaryVenueTLV,
} from "../tlvs/extension.js";

// The extensions behind a DeFi signal of the first version: a row of | type u8 | length u8 | value |.

const ROW_HEADER_BYTES = 2;
const VALUE_BYTES_MAX = 255;

/** What an extension of the first version goes over to. */
export interface ExtensionCounterpart {
  readonly tlv: AnyTLV;
  /** Whether the first version says how its value is laid out; of the others it has only the number. */
  readonly hasLayout: boolean;
}

const COUNTERPARTS = /* @__PURE__ */ new Map<number, ExtensionCounterpart>([
  [1, { tlv: PoolAddressesTLV, hasLayout: true }],
  [2, { tlv: TertiaryVenueTLV, hasLayout: true }],
  [3, { tlv: MevBundleTLV, hasLayout: true }],
  [4, { tlv: SlippageModelTLV, hasLayout: false }],
  [11, { tlv: FlashLoanParamsTLV, hasLayout: false }],
  [12, { tlv: LiquidationTargetTLV, hasLayout: false }],
  [13, { tlv: SandwichParamsTLV, hasLayout: false }],
  [21, { tlv: GasHintsTLV, hasLayout: false }],
  [22, { tlv: CrossChainTLV, hasLayout: false }],
  [23, { tlv: Layer2ParamsTLV, hasLayout: false }],
]);

/** What an extension type of the first version goes over to; undefined where nothing corresponds. */
export function counterpartOf(type: number): ExtensionCounterpart | undefined {
  return COUNTERPARTS.get(type);
}

/** Takes a row apart. @param start where the row stands in the message, for errors. @throws ProtocolError TLV_TRUNCATED */
export function readExtensions(row: Uint8Array, start: number): RawTLV[] {
  const found: RawTLV[] = [];
  for (let at = 0; at < row.byteLength; ) {
    const type = row[at] as number;
    const length = row[at + 1];
    if (length === undefined) throw new ProtocolError("TLV_TRUNCATED", "the row ends in a TLV header", start + at);
    const from = at + ROW_HEADER_BYTES;
    at = from + length;
    if (at > row.byteLength) {
      const detail = `extension ${type} says ${length} bytes, the row ends before`;
      throw new ProtocolError("TLV_TRUNCATED", detail, start + from - ROW_HEADER_BYTES);
    }
    found.push({ type, value: row.slice(from, at) });
  }
  return found;
}

/** Puts extensions into a row. @throws ValueRangeError */
export function writeExtensions(extensions: readonly RawTLV[]): Uint8Array {
  const total = extensions.reduce((sum, { value }) => sum + ROW_HEADER_BYTES + value.byteLength, 0);
  const row = new Uint8Array(total);
  let at = 0;
  for (const { type, value } of extensions) {
    if (type >>> 0 !== type || type > 0xff) {
      throw new ValueRangeError("LegacyDeFiSignal", "extensions.type", type, "an integer from 0 to 255");
    }
    if (value.byteLength > VALUE_BYTES_MAX) {
      throw new ValueRangeError("LegacyDeFiSignal", "extensions.value", value, `at most ${VALUE_BYTES_MAX} bytes`);
    }
    row[at] = type;
    row[at + 1] = value.byteLength;
    row.set(value, at + ROW_HEADER_BYTES);
    at += ROW_HEADER_BYTES + value.byteLength;
  }
  return row;
}
