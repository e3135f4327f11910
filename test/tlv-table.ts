import type { AnyTLV } from "../src/protocol/schema/tlv.js";
import { TLV } from "../src/protocol/schema/tlv.js";
import * as execution from "../src/tlvs/execution.js";
import * as extension from "../src/tlvs/extension.js";
import * as marketData from "../src/tlvs/market-data.js";
import * as signal from "../src/tlvs/signal.js";
import * as system from "../src/tlvs/system.js";

/** Every TLV that the library defines. */
export const ALL_TLVS: readonly AnyTLV[] = [marketData, signal, execution, system, extension].flatMap((module) =>
  Object.values(module).filter((value) => value instanceof TLV),
);

/** The same with codecs that interpret their schema, as where no code can be generated. */
export const INTERPRETED_TLVS: readonly AnyTLV[] = ALL_TLVS.map(
  (tlv) => new TLV(tlv.type, tlv.name, tlv.fields, { doc: tlv.doc, domain: tlv.domain }, false),
);
