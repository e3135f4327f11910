import type { AnyTLV } from "../protocol/schema/tlv.js";
import { ALL_TLVS } from "../tlvs/all.js";

/** The TLVs that a command can name and decode. */
export class KnownTypes {
  readonly all: readonly AnyTLV[];
  readonly #byType = new Map<number, AnyTLV>();
  readonly #byName = new Map<string, AnyTLV>();

  /** @param own types of the user's, beside those of the protocol */
  constructor(own: readonly AnyTLV[] = []) {
    this.all = [...ALL_TLVS, ...own];
    for (const tlv of this.all) {
      this.#byType.set(tlv.type, tlv);
      this.#byName.set(tlv.name.toLowerCase(), tlv);
    }
  }

  byType(type: number): AnyTLV | undefined {
    return this.#byType.get(type);
  }

  /** By its name in any letter case, with or without TLV behind it. */
  byName(name: string): AnyTLV | undefined {
    const lower = name.toLowerCase();
    return this.#byName.get(lower) ?? this.#byName.get(lower.replace(/tlv$/, ""));
  }
}
