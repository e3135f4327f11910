import fc from "fast-check";
import { TLVBuilder } from "../protocol/builder.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { type MessageHeader, readHeader } from "../protocol/header.js";
import type { AnyTLV, Infer } from "../protocol/schema/tlv.js";
import { RelayDomain } from "../protocol/tables.js";
import { isControlType, isExtensionType } from "../protocol/walk.js";
import { ALL_TLVS } from "../tlvs/all.js";
import { arbitrarySmall, arbitraryWide } from "./integers.js";
import { arbitraryOf, type ValueOptions } from "./values.js";

/** Which messages {@link arbitraryMessage} makes. */
export interface MessageOptions<T extends AnyTLV = AnyTLV> extends ValueOptions {
  /** The types that may be in them; default all of the protocol. */
  readonly tlvs?: readonly T[];
  /** One of RelayDomain; default any that these types have. */
  readonly domain?: number;
  /** The checksum that they carry; default `crc32c`. */
  readonly checksum?: "crc32c" | "crc32";
}

/** One TLV of a message, and the object that it decodes to. */
export type KnownTLV<T extends AnyTLV = AnyTLV> = T extends AnyTLV
  ? { readonly tlv: T; readonly value: Infer<T> }
  : never;

/** A message as bytes, and what is in it. */
export interface KnownMessage<T extends AnyTLV = AnyTLV> {
  readonly bytes: Uint8Array;
  readonly header: MessageHeader;
  /** In the order of the message. */
  readonly tlvs: readonly KnownTLV<T>[];
}

const DOMAINS: readonly number[] = Object.values(RelayDomain);
const U64_MAX = 2n ** 64n - 1n;
const COUNTER_BITS = 40n;
/** With two extensions behind each, all as long as they can be, they stay below the default limit of 1 MiB. */
const PRIMARY_MAX = 4;
const EXTENSIONS_MAX = 2;

/**
 * Valid messages: one to four TLVs of one domain (or of a user's type that names none), each with up to two extensions
 * behind it; session control alone. Source, sequence and time stamp are any, with their edges.
 *
 * ```ts
 * fc.assert(fc.property(arbitraryMessage({ domain: RelayDomain.MarketData }), ({ bytes, header, tlvs }) => { ... }));
 * ```
 * @throws AlphaPulseError BAD_OPTION where no message can be made of these types
 */
export function arbitraryMessage<T extends AnyTLV = AnyTLV>(
  options: MessageOptions<T> = {},
): fc.Arbitrary<KnownMessage<T>> {
  const { tlvs = ALL_TLVS as readonly AnyTLV[], domain, checksum = "crc32c", ...limits } = options;
  const known = new Map(tlvs.map((tlv) => [tlv, arbitraryKnown(tlv, limits)]));
  const knownOf = (wanted: readonly AnyTLV[]) =>
    wanted.length === 0 ? undefined : fc.oneof(...wanted.map((tlv) => known.get(tlv) as fc.Arbitrary<KnownTLV>));
  const extension = knownOf(tlvs.filter(({ type }) => isExtensionType(type)));
  const domains = domain === undefined ? DOMAINS : [domain];
  const messages = domains.flatMap((each) => {
    const belonging = tlvs.filter((tlv) => !isExtensionType(tlv.type) && (tlv.domain === each || tlv.domain === 0));
    const primary = knownOf(belonging.filter(({ type }) => !isControlType(type)));
    const control = knownOf(belonging.filter(({ type }) => isControlType(type)));
    return [rowOf(primary, PRIMARY_MAX, extension), rowOf(control, 1, extension)].flatMap((row) =>
      row === undefined ? [] : [arbitraryBuilt(each, checksum, row)],
    );
  });
  if (messages.length === 0) {
    const where = domain === undefined ? "" : ` of domain ${domain}`;
    throw new AlphaPulseError(
      "BAD_OPTION",
      `arbitraryMessage: none of the ${tlvs.length} types can begin a message${where}`,
    );
  }
  return fc.oneof(...messages) as fc.Arbitrary<KnownMessage<T>>;
}

function arbitraryKnown(tlv: AnyTLV, limits: ValueOptions): fc.Arbitrary<KnownTLV> {
  return arbitraryOf(tlv, limits).map((value) => ({ tlv, value }));
}

/** TLVs, each followed by extensions. */
function rowOf(
  first: fc.Arbitrary<KnownTLV> | undefined,
  maxLength: number,
  extension: fc.Arbitrary<KnownTLV> | undefined,
): fc.Arbitrary<KnownTLV[]> | undefined {
  if (first === undefined) return undefined;
  const behind = extension === undefined ? fc.constant([]) : fc.array(extension, { maxLength: EXTENSIONS_MAX });
  const one = fc.tuple(first, behind).map(([tlv, extensions]) => [tlv, ...extensions]);
  return fc.array(one, { minLength: 1, maxLength }).map((rows) => rows.flat());
}

/** Sequences as a source of ours makes them, and any other that the field can hold. */
function arbitrarySequence(): fc.Arbitrary<bigint> {
  const incarnation = fc.bigInt({ min: 0n, max: 8191n });
  const counter = fc.bigInt({ min: 1n, max: 2n ** COUNTER_BITS - 1n });
  return fc.oneof(
    fc.constant(0n),
    fc.tuple(incarnation, counter).map(([high, low]) => (high << COUNTER_BITS) | low),
    arbitraryWide(0n, U64_MAX),
  );
}

function arbitraryBuilt(
  domain: number,
  checksum: "crc32c" | "crc32",
  row: fc.Arbitrary<KnownTLV[]>,
): fc.Arbitrary<KnownMessage> {
  const stamps = fc.tuple(arbitrarySmall(0, 0xffff), arbitrarySequence(), arbitraryWide(0n, U64_MAX));
  return fc.tuple(stamps, row).map(([[source, sequence, timestamp], tlvs]) => {
    const builder = new TLVBuilder({ domain, source, checksum });
    for (const { tlv, value } of tlvs) builder.add(tlv, value);
    const bytes = builder.build({ sequence, timestamp });
    return { bytes, header: readHeader(new DataView(bytes.buffer, bytes.byteOffset), 0), tlvs };
  });
}
