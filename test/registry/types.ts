import { group, i64, instrument, sizeOf, text, timestamp, u8, u64, zero } from "../../src/protocol/schema/fields.js";
import { defineTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";

const domain = RelayDomain.MarketData;

/** A type of a user's own. */
export const FundingRateTLV = defineTLV(
  200,
  "FundingRate",
  { instrument, rate: i64.doc("per interval, 1e-8"), nextFundingAt: timestamp },
  { domain, doc: "what a perpetual pays" },
);

/** The same type, later. */
export const FundingRateV2TLV = defineTLV(
  200,
  "FundingRate",
  {
    instrument,
    rate: i64,
    nextFundingAt: timestamp,
    tierCount: sizeOf("tiers", "u16"),
    noteBytes: sizeOf("note", "u8"),
    reserved: zero(5),
    tiers: group({ notional: i64, rate: i64 }),
    note: text,
  },
  { domain, version: 2 },
);

/** Another schema under the number of the first. */
export const ForeignTLV = defineTLV(200, "FundingRate", { instrument, rate: u64, interval: u8 }, { domain });

/** Another type. */
export const IcebergTLV = defineTLV(254, "Iceberg", { instrument, shown: u64 }, { domain });
