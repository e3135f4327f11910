import { type MessageBuffer, messageBuffer } from "../../../src/protocol/message-buffer.js";

/** Which record it is: of which producer, in which of its lives, and which number. */
export interface RecordName {
  readonly end: number;
  readonly life: number;
  readonly n: number;
}

const NAME_BYTES = 12;
const BODY_BYTES_MAX = 300;

/** A record's bytes follow from its name, so that each of them can be checked. */
export function bytesOfRecord({ n }: RecordName): number {
  return NAME_BYTES + ((n * 37) % BODY_BYTES_MAX);
}

export function writeRecord({ bytes, view }: MessageBuffer, offset: number, name: RecordName): void {
  view.setUint32(offset, name.end, true);
  view.setUint32(offset + 4, name.life, true);
  view.setUint32(offset + 8, name.n, true);
  bytes.fill(bodyOf(name), offset + NAME_BYTES, offset + bytesOfRecord(name));
}

/** Throws where a byte is not what it must be. */
export function readRecord({ bytes, view }: MessageBuffer, offset: number, byteLength: number): RecordName {
  const name: RecordName = {
    end: view.getUint32(offset, true),
    life: view.getUint32(offset + 4, true),
    n: view.getUint32(offset + 8, true),
  };
  const body = bytes.subarray(offset + NAME_BYTES, offset + byteLength);
  if (byteLength !== bytesOfRecord(name) || body.some((byte) => byte !== bodyOf(name))) {
    throw new Error(`a record of ${byteLength} bytes is torn: ${JSON.stringify(name)}, then ${body}`);
  }
  return name;
}

/** A record to offer. */
export function recordOf(name: RecordName): MessageBuffer {
  const buffer = messageBuffer(new Uint8Array(bytesOfRecord(name)));
  writeRecord(buffer, 0, name);
  return buffer;
}

function bodyOf({ end, life, n }: RecordName): number {
  return (n * 7 + life * 31 + end + 1) & 255;
}
