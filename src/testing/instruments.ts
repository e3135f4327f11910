import fc from "fast-check";
import { InstrumentId } from "../protocol/instrument-id.js";
import { AssetType, Venue } from "../protocol/tables.js";
import { arbitrarySmall, arbitraryWide } from "./integers.js";
import { arbitraryCharacter, hexOf } from "./text.js";

const USER_VENUE_FIRST = 60_000;
const PRINTABLE = Array.from({ length: 0x7e - 0x20 }, (_, i) => String.fromCharCode(0x21 + i));
const PACKED = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"];

/**
 * Ids of all the forms that PROTOCOL.md, "InstrumentId", names: symbols that can be read back (short and packed), symbols
 * that are hashed, addresses of tokens and pools, and opaque ones with all 96 bits at their edges.
 */
export function arbitraryInstrumentId(): fc.Arbitrary<InstrumentId> {
  const venue = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<number>(...Object.values(Venue)) },
    { weight: 1, arbitrary: fc.integer({ min: USER_VENUE_FIRST, max: 0xffff }) },
  );
  const onChain: readonly number[] = [AssetType.Token, AssetType.Pool];
  const traded = fc.constantFrom<number>(...Object.values(AssetType).filter((type) => !onChain.includes(type)));
  const symbol = fc.oneof(
    fc.string({ unit: fc.constantFrom(...PRINTABLE), minLength: 1, maxLength: 8 }),
    fc.string({ unit: fc.constantFrom(...PACKED), minLength: 9, maxLength: 12 }),
    fc.string({ unit: arbitraryCharacter(), minLength: 1, maxLength: 63 }), // of at most 4 bytes each
  );
  const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${hexOf(bytes)}`);
  const opaque = [arbitrarySmall(0, 0xffff), arbitrarySmall(0, 0xff), arbitraryWide(0n, 2n ** 64n - 1n)] as const;
  return fc.oneof(
    fc.tuple(venue, traded, symbol).map((parts) => InstrumentId.of(...parts)),
    fc.tuple(venue, fc.constantFrom(...onChain), address).map((parts) => InstrumentId.ofAddress(...parts)),
    fc.tuple(...opaque).map((parts) => new InstrumentId(...parts)),
  );
}
