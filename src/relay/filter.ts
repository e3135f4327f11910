import { HEADER_BYTES } from "../protocol/header.js";
import { hashOfWords, type InstrumentId } from "../protocol/instrument-id.js";
import { TlvCursor } from "../protocol/walk.js";
import { ALL_TLVS } from "../tlvs/all.js";

/** Per type: where its first instrument stands in the value, or -1. */
const INSTRUMENT_OFFSETS: Int16Array = /* @__PURE__ */ (() => {
  const offsets = new Int16Array(256).fill(-1);
  for (const tlv of ALL_TLVS) offsets[tlv.type] = tlv.layout.instrumentOffset ?? -1;
  return offsets;
})();

const cursor = /* @__PURE__ */ new TlvCursor();

/** What one subscription wants. Looks at types and, at fixed offsets, at instruments; decodes nothing. */
export class Filter {
  /** Whether it wants everything, so that nothing has to be looked at. */
  readonly isOpen: boolean;
  readonly #types: Uint8Array | undefined;
  readonly #instruments: ReadonlyMap<number, readonly InstrumentId[]> | undefined;

  /** @param types none = all; @param instruments none = all */
  constructor(types: readonly number[], instruments: readonly InstrumentId[]) {
    this.isOpen = types.length === 0 && instruments.length === 0;
    if (types.length > 0) {
      this.#types = new Uint8Array(256);
      for (const type of types) this.#types[type] = 1;
    }
    if (instruments.length > 0) {
      const byHash = new Map<number, InstrumentId[]>();
      for (const id of instruments) {
        const hash = hashOfWords(id.venue, id.assetType, id.assetIdLow, id.assetIdHigh);
        byHash.set(hash, [...(byHash.get(hash) ?? []), id]);
      }
      this.#instruments = byHash;
    }
  }

  /** Whether any TLV of the message is wanted. A message whose TLVs cannot be walked is wanted: its reader reports it. */
  matches(view: DataView, offset: number, messageBytes: number): boolean {
    if (this.isOpen) return true;
    // Most messages are wanted, or not, by what stands first: only what stands behind it needs a walk.
    const isFirstWanted = messageBytes > HEADER_BYTES && this.#types?.[view.getUint8(offset + HEADER_BYTES)] === 1;
    if (isFirstWanted && this.#instruments === undefined) return true;
    try {
      cursor.begin(view, offset, messageBytes);
      while (cursor.next()) {
        if (this.#types !== undefined && this.#types[cursor.type] === 0) continue;
        if (this.#instruments === undefined || this.#matchesInstrument(view)) return true;
      }
      return false;
    } catch {
      return true;
    }
  }

  #matchesInstrument(view: DataView): boolean {
    const offset = INSTRUMENT_OFFSETS[cursor.type] as number;
    if (offset < 0 || offset + 12 > cursor.valueBytes) return true;
    const at = cursor.valueOffset + offset;
    const venue = view.getUint16(at, true);
    const assetType = view.getUint8(at + 2);
    const low = view.getUint32(at + 4, true);
    const high = view.getUint32(at + 8, true);
    const candidates = this.#instruments?.get(hashOfWords(venue, assetType, low, high));
    if (candidates === undefined) return false;
    return candidates.some(
      (id) => id.assetIdLow === low && id.assetIdHigh === high && id.venue === venue && id.assetType === assetType,
    );
  }
}
