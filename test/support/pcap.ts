/** One packet of a capture: bytes that one port sent to another. */
export interface Packet {
  readonly protocol: "tcp" | "udp";
  readonly from: number;
  readonly to: number;
  readonly payload: Uint8Array;
}

const LINKTYPE_RAW = 101; // each packet begins with its IPv4 header
const IP_BYTES = 20;
const TCP_BYTES = 20;
const UDP_BYTES = 8;
const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 };
const PSH_ACK = 0x18;
/** What fits an IPv4 packet together with its headers. */
export const PACKET_PAYLOAD_BYTES_MAX = 65_535 - IP_BYTES - TCP_BYTES;

/**
 * A capture file (pcap) of these packets, one millisecond apart, between two ends on 10.0.0.1. The segments of each
 * TCP connection follow each other without a loss; there are no handshakes.
 *
 * @throws RangeError where a payload does not fit a packet
 */
export function pcapOf(packets: readonly Packet[]): Buffer {
  const fileHeader = Buffer.alloc(24);
  fileHeader.writeUInt32LE(0xa1b2c3d4, 0);
  fileHeader.writeUInt16LE(2, 4);
  fileHeader.writeUInt16LE(4, 6);
  fileHeader.writeUInt32LE(262_144, 16); // the longest packet
  fileHeader.writeUInt32LE(LINKTYPE_RAW, 20);
  const sent = new Map<string, number>();
  const parts: Uint8Array[] = [fileHeader];
  for (const [index, packet] of packets.entries()) {
    const bytes = ipPacket(packet, sent);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(1_760_000_000 + Math.floor(index / 1000), 0);
    header.writeUInt32LE((index % 1000) * 1000, 4);
    header.writeUInt32LE(bytes.byteLength, 8);
    header.writeUInt32LE(bytes.byteLength, 12);
    parts.push(header, bytes);
  }
  return Buffer.concat(parts);
}

/** An IPv4 packet. `sent` holds how many bytes each TCP direction has sent, and is moved on. */
function ipPacket({ protocol, from, to, payload }: Packet, sent: Map<string, number>): Buffer {
  if (payload.byteLength > PACKET_PAYLOAD_BYTES_MAX) throw new RangeError(`${payload.byteLength} bytes in one packet`);
  const headerBytes = protocol === "tcp" ? TCP_BYTES : UDP_BYTES;
  const packet = Buffer.alloc(IP_BYTES + headerBytes + payload.byteLength);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.byteLength, 2);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(PROTOCOL_NUMBERS[protocol], 9);
  packet.writeUInt32BE(0x0a000001, 12);
  packet.writeUInt32BE(0x0a000001, 16);
  packet.writeUInt16BE(from, IP_BYTES);
  packet.writeUInt16BE(to, IP_BYTES + 2);
  if (protocol === "tcp") {
    const before = sent.get(`${from}:${to}`) ?? 0;
    packet.writeUInt32BE(1 + before, IP_BYTES + 4);
    packet.writeUInt32BE(1 + (sent.get(`${to}:${from}`) ?? 0), IP_BYTES + 8);
    packet.writeUInt8((TCP_BYTES / 4) << 4, IP_BYTES + 12);
    packet.writeUInt8(PSH_ACK, IP_BYTES + 13);
    packet.writeUInt16BE(0xffff, IP_BYTES + 14);
    sent.set(`${from}:${to}`, before + payload.byteLength);
  } else packet.writeUInt16BE(UDP_BYTES + payload.byteLength, IP_BYTES + 4);
  packet.set(payload, IP_BYTES + headerBytes);
  return packet;
}
