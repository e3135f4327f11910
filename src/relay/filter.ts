import { HEADER_BYTES } from "../protocol/header.js";
import { INSTRUMENT_BYTES, type InstrumentId } from "../protocol/instrument-id.js";
import { InstrumentMap } from "../protocol/instrument-map.js";
import { TlvCursor } from "../protocol/walk.js";
import { ALL_TLVS } from "../tlvs/all.js";

/** Per type: where its first instrument stands in the value, or -1. Made when the first filter is. */
let instrumentOffsets: Int16Array | undefined;

const cursor = /* @__PURE__ */ new TlvCursor();

/** What one subscription wants. Looks at types and, at fixed offsets, at instruments; decodes nothing. */
export class Filter {
  /** Whether it wants everything, so that nothing has to be looked at. */
  readonly isOpen: boolean;
  readonly #types: Uint8Array | undefined;
  readonly #instruments: InstrumentMap<true> | undefined;
  readonly #instrumentOffsets: Int16Array;

  /** @param types none = all; @param instruments none = all */
  constructor(types: readonly number[], instruments: readonly InstrumentId[]) {
    this.isOpen = types.length === 0 && instruments.length === 0;
    if (types.length > 0) {
      this.#types = new Uint8Array(256);
      for (const type of types) this.#types[type] = 1;
    }
    if (instruments.length > 0) {
      this.#instruments = new InstrumentMap();
      for (const id of instruments) this.#instruments.set(id, true);
    }
    instrumentOffsets ??= offsetsByType();
    this.#instrumentOffsets = instrumentOffsets;
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
        if (this.#instruments === undefined || this.#matchesInstrument(view, this.#instruments)) return true;
      }
      return false;
    } catch {
      return true;
    }
  }

  #matchesInstrument(view: DataView, wanted: InstrumentMap<true>): boolean {
    const offset = this.#instrumentOffsets[cursor.type] as number;
    if (offset < 0 || offset + INSTRUMENT_BYTES > cursor.valueBytes) return true;
    return wanted.getAt(view, cursor.valueOffset + offset) === true;
  }
}

function offsetsByType(): Int16Array {
  const offsets = new Int16Array(256).fill(-1);
  for (const tlv of ALL_TLVS) offsets[tlv.type] = tlv.layout.instrumentOffset ?? -1;
  return offsets;
}
