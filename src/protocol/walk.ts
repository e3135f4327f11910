import type { Checksum } from "./checksum.js";
import { ProtocolError } from "./errors.js";
import { checkHeader, DOMAIN_OFFSET, HEADER_BYTES, verifyChecksum } from "./header.js";
import { RELEASED } from "./schema/released.js";
import { domainName, RelayDomain } from "./tables.js";

// A payload is a row of TLVs (docs/protocol.md, "TLVs"):
//
//   standard   | type u8 | length u8 | value |                   values of up to 255 bytes
//   extended   | 255 | 0 | type u8 | length u16 | value |        values of 256 to 65,535 bytes

export const STANDARD_TLV_HEADER_BYTES = 2;
const EXTENDED_TLV_HEADER_BYTES = 5;
export const EXTENDED_MARKER = 255;
export const STANDARD_VALUE_BYTES_MAX = 255;
/** The longest value of a TLV. */
export const VALUE_BYTES_MAX = 65_535;

const CONTROL_FIRST = 90;
const EXTENSION_FIRST = 100;
const USER_FIRST = 200;
const USER_LAST = 254;

/** Whether a type is session control: alone in its message, never forwarded. */
export function isControlType(type: number): boolean {
  return type >= CONTROL_FIRST && type < EXTENSION_FIRST;
}

/** Whether a type adds to a primary TLV before it. */
export function isExtensionType(type: number): boolean {
  return type >= EXTENSION_FIRST && type < USER_FIRST;
}

/** Whether a type is registered by users. */
export function isUserType(type: number): boolean {
  return type >= USER_FIRST && type <= USER_LAST;
}

/** The domain that a primary type belongs to; 0 for extensions and user types, which any message may carry. */
export function domainOfType(type: number): number {
  if (type >= EXTENSION_FIRST) return 0;
  if (type >= 80) return RelayDomain.System;
  if (type >= 40) return RelayDomain.Execution;
  return type >= 20 ? RelayDomain.Signal : RelayDomain.MarketData;
}

/** The type of a message's first TLV, from its header alone; 0 where it has none. */
export function firstTypeOf(view: DataView, offset: number, messageBytes: number): number {
  if (messageBytes <= HEADER_BYTES) return 0;
  const type = view.getUint8(offset + HEADER_BYTES);
  if (type !== EXTENDED_MARKER) return type;
  return messageBytes > HEADER_BYTES + 2 ? view.getUint8(offset + HEADER_BYTES + 2) : 0;
}

/** Bytes of the TLV header that a writer puts before a value of this length. */
export function tlvHeaderBytes(valueBytes: number): number {
  return valueBytes > STANDARD_VALUE_BYTES_MAX ? EXTENDED_TLV_HEADER_BYTES : STANDARD_TLV_HEADER_BYTES;
}

/** A position in a row of TLVs. Reused: {@link TlvCursor.next} moves it and allocates nothing. */
export class TlvCursor {
  type = 0;
  /** Where the value starts, counted as the view counts. */
  valueOffset = 0;
  valueBytes = 0;
  #view: DataView = RELEASED;
  #start = 0;
  #at = 0;
  #end = 0;

  /** Begins before the first TLV of a message of `messageBytes` at `offset`. */
  begin(view: DataView, offset: number, messageBytes: number): this {
    this.#view = view;
    this.#start = offset;
    this.#at = offset + HEADER_BYTES;
    this.#end = offset + messageBytes;
    return this;
  }

  /** Lets the message go: to go on is an error with code RELEASED. */
  release(): void {
    this.#view = RELEASED;
  }

  /** Moves to the next TLV; false at the end. @throws ProtocolError BAD_TLV or TLV_TRUNCATED */
  next(): boolean {
    const view = this.#view;
    const at = this.#at;
    const left = this.#end - at;
    if (left === 0) return false;
    const type = view.getUint8(at);
    if (type === 0) throw this.#error("BAD_TLV", "type 0 does not exist", at);
    if (type === EXTENDED_MARKER) return this.#nextExtended(at, left);
    if (left < STANDARD_TLV_HEADER_BYTES) throw this.#error("TLV_TRUNCATED", "the payload ends in a TLV header", at);
    this.type = type;
    this.valueBytes = view.getUint8(at + 1);
    this.valueOffset = at + STANDARD_TLV_HEADER_BYTES;
    this.#at = this.valueOffset + this.valueBytes;
    if (this.#at > this.#end) throw this.#passesEnd(at);
    return true;
  }

  #nextExtended(at: number, left: number): boolean {
    const view = this.#view;
    if (left > 1 && view.getUint8(at + 1) !== 0) throw this.#error("BAD_TLV", "255 must be followed by 0", at + 1);
    if (left > 2) {
      const type = view.getUint8(at + 2);
      if (type === 0 || type === EXTENDED_MARKER)
        throw this.#error("BAD_TLV", `extended type ${type} does not exist`, at + 2);
    }
    if (left < EXTENDED_TLV_HEADER_BYTES) throw this.#error("TLV_TRUNCATED", "the payload ends in a TLV header", at);
    this.type = view.getUint8(at + 2);
    this.valueBytes = view.getUint16(at + 3, true);
    this.valueOffset = at + EXTENDED_TLV_HEADER_BYTES;
    this.#at = this.valueOffset + this.valueBytes;
    if (this.#at > this.#end) throw this.#passesEnd(at);
    return true;
  }

  #passesEnd(at: number): ProtocolError {
    return this.#error("TLV_TRUNCATED", `type ${this.type} says ${this.valueBytes} bytes, the payload ends before`, at);
  }

  #error(code: "BAD_TLV" | "TLV_TRUNCATED", detail: string, at: number): ProtocolError {
    return new ProtocolError(code, detail, at - this.#start);
  }
}

const checking = /* @__PURE__ */ new TlvCursor();

/** What a reader holds a message against. */
export interface MessageChecks {
  /** The checksum to verify with; undefined where a profile skips it. */
  readonly checksum: Checksum | undefined;
  /** The size limit of a payload in bytes. */
  readonly payloadBytesMax: number;
}

/**
 * Checks a whole message, in the protocol's order: header, size, checksum, every TLV's header, their places, their
 * domain. Values are not looked at: BAD_LENGTH and BAD_TEXT come when one is decoded.
 *
 * @param messageBytes what is there from `offset` on: exactly the message
 */
export function checkMessage(view: DataView, offset: number, messageBytes: number, checks: MessageChecks): void {
  const wholeBytes = checkHeader(view, offset, messageBytes, checks.payloadBytesMax);
  if (wholeBytes !== messageBytes) throw sizeError(wholeBytes, messageBytes);
  if (checks.checksum !== undefined) verifyChecksum(checks.checksum, view, offset, messageBytes);
  checkTlvs(view, offset, messageBytes);
}

/** The last part of {@link checkMessage}: the row of TLVs. */
export function checkTlvs(view: DataView, offset: number, messageBytes: number): void {
  if (!isOnePrimary(view, offset, messageBytes)) checkRow(view, offset, messageBytes);
}

/** Whether all is one primary TLV in the standard form, of the message's domain or a user's: what most messages are. */
function isOnePrimary(view: DataView, offset: number, messageBytes: number): boolean {
  if (messageBytes < HEADER_BYTES + STANDARD_TLV_HEADER_BYTES) return false;
  const type = view.getUint8(offset + HEADER_BYTES);
  const end = HEADER_BYTES + STANDARD_TLV_HEADER_BYTES + view.getUint8(offset + HEADER_BYTES + 1);
  if (end !== messageBytes || type === 0 || type === EXTENDED_MARKER || isExtensionType(type)) return false;
  const belongs = domainOfType(type);
  return belongs === 0 || belongs === view.getUint8(offset + DOMAIN_OFFSET);
}

function checkRow(view: DataView, offset: number, messageBytes: number): void {
  const domain = view.getUint8(offset + DOMAIN_OFFSET);
  const cursor = checking.begin(view, offset, messageBytes);
  let misplaced: ProtocolError | undefined;
  let foreign: ProtocolError | undefined;
  let first = 0;
  while (cursor.next()) {
    const type = cursor.type;
    if (first === 0) {
      first = type;
      if (isExtensionType(type))
        misplaced = new ProtocolError("BAD_TLV", `extension ${type} stands first`, HEADER_BYTES);
    } else if ((isControlType(type) || isControlType(first)) && !isExtensionType(type)) {
      misplaced ??= new ProtocolError(
        "BAD_TLV",
        `control stands alone, not ${first} with ${type}`,
        cursor.valueOffset - offset,
      );
    }
    const belongs = domainOfType(type);
    if (belongs !== 0 && belongs !== domain) {
      foreign ??= new ProtocolError(
        "DOMAIN_MISMATCH",
        `type ${type} belongs to ${domainName(belongs)}, the message is ${domainName(domain)}`,
        cursor.valueOffset - offset,
      );
    }
  }
  cursor.release();
  if (misplaced !== undefined) throw misplaced;
  if (foreign !== undefined) throw foreign;
}

/** Why what is there is not exactly the message. */
export function sizeError(wholeBytes: number, messageBytes: number): ProtocolError {
  return messageBytes < wholeBytes
    ? new ProtocolError("TRUNCATED", `the header says ${wholeBytes} bytes in all, the input ends`, messageBytes)
    : new ProtocolError("SIZE_MISMATCH", `the message has ${wholeBytes} bytes, the input goes on`, wholeBytes);
}
