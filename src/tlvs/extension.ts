import { textRest, u8, zero } from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** The venue's own id of the event. */
export const VenueReferenceTLV = /* @__PURE__ */ defineTLV(
  105,
  "VenueReference",
  { reference: textRest.doc("e.g. a trade id or a transaction hash") },
  { doc: "the venue's own id of the event" },
);
export type VenueReferenceTLV = Infer<typeof VenueReferenceTLV>;

/** The fixed-point scale of the TLVs before it, where it is not 8 and 8. 4 bytes. */
export const DecimalsTLV = /* @__PURE__ */ defineTLV(
  107,
  "Decimals",
  { price: u8, size: u8, reserved: zero(2) },
  { doc: "the fixed-point scale of the TLVs before it, where it is not 8 and 8" },
);
export type DecimalsTLV = Infer<typeof DecimalsTLV>;
