import { type MessageBuffer, messageBuffer, RelayDomain, TLVBuilder, TradeTLV } from "alphapulse";
import { FIRST_US, MESSAGE_COUNT, MESSAGE_MASK, SOURCE, tradeInstruments, trades } from "../codec/samples.js";

/** A header and one Trade. */
export const MESSAGE_BYTES = 74;
/** Where a header has the low half of its sequence, and the size of what follows it (docs/protocol.md, "Message header"). */
const SEQUENCE_OFFSET = 8;
export const PAYLOAD_SIZE_OFFSET = 24;
export const HEADER_BYTES = 32;

/** The bits of a message's ordinal that its sequence has too: the messages are sent over and over. */
export { MESSAGE_MASK };

/** Thousands of different trades with true checksums, one behind the other. */
export function buildMessages(): MessageBuffer {
  const buffer = messageBuffer(new Uint8Array(MESSAGE_COUNT * MESSAGE_BYTES));
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: SOURCE });
  for (const [i, trade] of trades.entries()) {
    const { venue: _venue, assetType: _assetType, assetId: _assetId, ...fields } = trade;
    builder.into(buffer, i * MESSAGE_BYTES).add(TradeTLV, { instrument: tradeInstruments[i]!, ...fields });
    const byteLength = builder.seal(MESSAGE_COUNT + i, FIRST_US + i); // not 0, which would be unsequenced
    if (byteLength !== MESSAGE_BYTES) throw new Error(`a trade has ${byteLength} bytes, not ${MESSAGE_BYTES}`);
  }
  return buffer;
}

/** The same, each as bytes to be sent. */
export function messageList(): readonly Uint8Array[] {
  const { bytes } = buildMessages();
  return Array.from({ length: MESSAGE_COUNT }, (_, i) => bytes.subarray(i * MESSAGE_BYTES, (i + 1) * MESSAGE_BYTES));
}

/** The low bits of the ordinal of the message that starts there. */
export function ordinalAt(view: DataView, offset: number): number {
  return view.getUint32(offset + SEQUENCE_OFFSET, true) & MESSAGE_MASK;
}
