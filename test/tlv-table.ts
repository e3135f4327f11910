import type { AnyTLV } from "../src/protocol/schema/tlv.js";
import { TLV } from "../src/protocol/schema/tlv.js";
import { ALL_TLVS } from "../src/tlvs/all.js";

export { ALL_TLVS };

/** The same with codecs that interpret their schema, as where no code can be generated. */
export const INTERPRETED_TLVS: readonly AnyTLV[] = ALL_TLVS.map(
  (tlv) => new TLV(tlv.type, tlv.name, tlv.fields, { doc: tlv.doc, domain: tlv.domain }, false),
);
