import { type WrittenChecksum, writtenChecksumOf } from "./checksum.js";
import {
  CHECKSUM_OFFSET,
  checkHeader,
  checkStamps,
  messageChecksum,
  PAYLOAD_BYTES_MAX,
  setSequence,
  setTimestampUs,
} from "./header.js";
import type { MessageBuffer } from "./message-buffer.js";
import { sizeError } from "./walk.js";

/**
 * Gives a message that was built before another sequence and time stamp, in place, and its checksum anew. Allocates nothing.
 *
 * @param offset where the message starts in `buffer`
 * @param sequence a safe integer, 0 = unsequenced
 * @param timestampUs whole microseconds since the Unix epoch
 * @throws ProtocolError VALUE_RANGE; TRUNCATED, BAD_MAGIC, UNSUPPORTED_VERSION, BAD_DOMAIN or TOO_LARGE where no whole message stands there
 */
export function restamp(
  buffer: MessageBuffer,
  offset: number,
  sequence: number,
  timestampUs: number,
  checksum: WrittenChecksum = "crc32c",
): void {
  const { bytes, view } = buffer;
  const available = bytes.byteLength - offset;
  const messageBytes = checkHeader(view, offset, available, PAYLOAD_BYTES_MAX);
  if (messageBytes > available) throw sizeError(messageBytes, available);
  checkStamps(sequence, timestampUs);
  setSequence(view, offset, sequence);
  setTimestampUs(view, offset, timestampUs);
  const compute = writtenChecksumOf(checksum);
  view.setUint32(offset + CHECKSUM_OFFSET, messageChecksum(compute, view, offset, messageBytes), true);
}
