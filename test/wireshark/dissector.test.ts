import { describe, expect, test } from "vitest";
import { crc32c } from "../../src/protocol/checksum.js";
import { messageChecksum } from "../../src/protocol/header.js";
import { PACKET_PAYLOAD_BYTES_MAX, type Packet } from "../support/pcap.js";
import { type Dissected, dissect, findAll, hasTshark } from "../support/tshark.js";
import { fromHex, readVectors } from "../vectors.js";
import { compareMessage, type GoldenMessage } from "./golden.js";

const PORT = 9_000;
/** What recognises our traffic where it is not found by its looks. */
const PORTS = `alphapulse.ports:${PORT}`;
const valid = readVectors<GoldenMessage>("valid");
const withCrc32c = valid.filter(({ checksum }) => checksum === "crc32c");

if (!hasTshark) console.log("skipped: the Wireshark dissector, because there is no tshark on this machine");

describe.skipIf(!hasTshark)("the Wireshark dissector", { timeout: 120_000 }, () => {
  test.each(["crc32c", "crc32"] as const)("shows every field of every golden message with %s", async (kind) => {
    const golden = valid.filter(({ checksum }) => checksum === kind);
    const packets = golden.flatMap(({ hex }, index) => tcp(fromHex(hex), [], 40_000 + index));
    const option = kind === "crc32" ? ["alphapulse.checksum:CRC-32"] : [];
    const shown = (await dissect(packets, ...option)).flatMap(({ children }) => children);
    expect(shown).toHaveLength(golden.length);
    let compared = 0;
    for (const [index, message] of golden.entries()) compared += compareMessage(shown[index], message);
    expect(compared).toBeGreaterThan(1_000);
    expect(statuses(shown)).toEqual(golden.map(() => "1"));
    expect(errors(shown)).toEqual([]);
  });

  test.each([1, 2, 3])("puts a stream together that is cut anywhere, run %i", async (seed) => {
    const stream = Buffer.concat(withCrc32c.map(({ hex }) => fromHex(hex)));
    const random = randomOf(seed);
    const cuts: number[] = [];
    // Single bytes, so that headers are cut within each of their fields; then pieces of all sizes.
    for (let at = seed; at < stream.byteLength; at += at < 200 ? 1 : 1 + Math.floor(random() ** 4 * 60_000))
      cuts.push(at);
    const shown = (await dissect(tcp(stream, cuts))).flatMap(({ children }) => children);
    expect(shown).toHaveLength(withCrc32c.length);
    for (const [index, message] of withCrc32c.entries()) compareMessage(shown[index], message);
    expect(errors(shown)).toEqual([]);
  });

  test("shows every message of a datagram", async () => {
    const small = withCrc32c.filter(({ hex }) => hex.length < 2_000);
    const packets: Packet[] = [];
    for (let i = 0; i < small.length; i += 5) {
      const payload = Buffer.concat(small.slice(i, i + 5).map(({ hex }) => fromHex(hex)));
      packets.push({ protocol: "udp", from: 40_000, to: PORT, payload });
    }
    const shown = await dissect(packets);
    expect(shown.map(({ children }) => children.length).slice(0, -1)).toEqual(packets.slice(1).map(() => 5));
    const messages = shown.flatMap(({ children }) => children);
    for (const [index, message] of small.entries()) compareMessage(messages[index], message);
  });

  test("names the error of everything invalid, with the code that a reader gives", async () => {
    const invalid = readVectors<{ label: string; hex: string; error: string }>("invalid").filter(
      ({ hex }) => hex !== "",
    );
    const packets = invalid.map(
      ({ hex }): Packet => ({ protocol: "udp", from: 40_000, to: PORT, payload: fromHex(hex) }),
    );
    const shown = await dissect(packets, PORTS);
    for (const [index, { label, error }] of invalid.entries()) {
      const found = errors([shown[index] as Dissected]);
      // Behind a whole message, more bytes are a message of their own here, and a broken one.
      if (error === "SIZE_MISMATCH") expect(found.length, label).toBeGreaterThan(0);
      else expect(found[0], label).toBe(error);
    }
  });

  test("takes what a reader has to tolerate", async () => {
    const tolerated = readVectors<GoldenMessage>("tolerated");
    const shown = await dissect(tolerated.flatMap(({ hex }, index) => tcp(fromHex(hex), [], 40_000 + index)));
    for (const [index, message] of tolerated.entries()) compareMessage(shown[index]?.children[0], message);
    expect(errors(shown)).toEqual([]);
  });

  test("goes on behind a wrong checksum, and behind bytes that are no message", async () => {
    const [first, second, third] = withCrc32c.map(({ hex }) => fromHex(hex)) as [Uint8Array, Uint8Array, Uint8Array];
    const corrupt = second.slice();
    corrupt[40] = (corrupt[40] as number) ^ 1;
    const noise = Uint8Array.from({ length: 100 }, (_, i) => i);
    const stream = Buffer.concat([first, corrupt, noise, third]);
    const shown = (await dissect(tcp(stream, []))).flatMap(({ children }) => children);
    expect(errors(shown)).toEqual(["CHECKSUM_MISMATCH", "BAD_MAGIC"]);
    expect(statuses(shown)).toEqual(["1", "0", "1"]);
    compareMessage(shown.at(-1), withCrc32c[2] as GoldenMessage);
  });

  test("never fails, whatever the bytes are", async () => {
    const random = randomOf(7);
    const below = (limit: number): number => Math.floor(random() * limit);
    const packets: Packet[] = [];
    for (let i = 0; i < 3_000; i++) {
      const golden = fromHex((withCrc32c[below(withCrc32c.length)] as GoldenMessage).hex).slice(0, 2_000);
      for (let change = below(6); change >= 0; change--) golden[below(golden.byteLength)] = below(256);
      // Past the header most changes would only be wrong checksums: these are of values.
      if (i % 2 === 0) seal(golden);
      const payload = i % 3 === 0 ? golden.subarray(0, 1 + below(golden.byteLength)) : golden;
      packets.push({ protocol: i % 5 === 0 ? "tcp" : "udp", from: 1_024 + i, to: PORT, payload });
    }
    const shown = await dissect(packets, PORTS); // a Lua error would throw
    const reached = new Set(errors(shown));
    for (const code of ["BAD_MAGIC", "CHECKSUM_MISMATCH", "TRUNCATED", "TLV_TRUNCATED", "BAD_TLV", "BAD_LENGTH"])
      expect(reached).toContain(code);
  });

  test("shows prices at the scale that Decimals says", async () => {
    const shown = await dissect(tcp(scaledTrade(), []));
    const [price] = findAll(shown[0] as Dissected, "alphapulse.trade.price");
    expect(price?.label).toBe("price: 12345 (123.45)");
    const [volume] = findAll(shown[0] as Dissected, "alphapulse.trade.volume");
    expect(volume?.label).toBe("volume: 7 (0.007)");
  });

  test("opens a plain envelope, and names encrypted ones and fragments", async () => {
    const message = withCrc32c[0] as GoldenMessage;
    const bytes = fromHex(message.hex);
    const plain = Buffer.concat([envelopeHeader(0, 0, bytes.byteLength), bytes]);
    const encrypted = Buffer.concat([envelopeHeader(2, 1, 40), Buffer.alloc(40, 0x5a)]);
    const fragment = Buffer.concat([fromHex("f250faa1010003000100030005000100" + "4d00000000000000"), Buffer.alloc(5)]);
    const datagrams = [plain, encrypted, fragment].map(
      (payload): Packet => ({ protocol: "udp", from: 40_000, to: PORT, payload }),
    );
    const shown = await dissect([...datagrams, ...tcp(Buffer.concat([plain, encrypted, plain]), [3, 30, 90])]);
    compareMessage(shown[0]?.children[0]?.children.at(-1), message);
    expect(shown[1]?.children[0]?.label).toBe("AlphaPulse, envelope");
    expect(findAll(shown[1] as Dissected, "alphapulse.envelope.cipher")[0]?.label).toBe(
      "Cipher: ChaCha20-Poly1305 (1)",
    );
    expect(findAll(shown[2] as Dissected, "alphapulse.fragment.index")[0]?.show).toBe("1");
    const stream = shown.slice(3).flatMap(({ children }) => children);
    expect(stream.map(({ label }) => label)).toEqual(Array(3).fill("AlphaPulse, envelope"));
    expect(errors(shown)).toEqual([]);
  });
});

/** A stream from one port to {@link PORT}, cut at these places and wherever a packet is full. */
function tcp(stream: Uint8Array, cuts: readonly number[], from = 40_000): Packet[] {
  const packets: Packet[] = [];
  const ends = [...cuts, stream.byteLength];
  let at = 0;
  for (const end of ends) {
    while (at < end) {
      const next = Math.min(end, at + PACKET_PAYLOAD_BYTES_MAX);
      packets.push({ protocol: "tcp", from, to: PORT, payload: stream.subarray(at, next) });
      at = next;
    }
  }
  return packets;
}

function errors(nodes: readonly Dissected[]): string[] {
  return nodes.flatMap((node) => findAll(node, "alphapulse.fault").map(({ show }) => show));
}

function statuses(nodes: readonly Dissected[]): string[] {
  return nodes.flatMap((node) => findAll(node, "alphapulse.checksum.status").map(({ show }) => show));
}

/** Gives a message the payload size and the checksum that its bytes have. */
function seal(message: Uint8Array): void {
  if (message.byteLength < 32) return;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  view.setUint32(24, message.byteLength - 32, true);
  view.setUint32(28, messageChecksum(crc32c, view, 0, message.byteLength), true);
}

/** A Trade of price 12345 and volume 7, with Decimals 2 and 3 behind it. */
function scaledTrade(): Uint8Array {
  const message = new Uint8Array(32 + 42 + 6);
  message.set(fromHex("efbeadde0101e803"));
  message.set([1, 40], 32);
  message.set([0x39, 0x30], 32 + 2 + 12);
  message[32 + 2 + 20] = 7;
  message.set([107, 4, 2, 3], 32 + 42);
  seal(message);
  return message;
}

function envelopeHeader(compression: number, cipher: number, bodyBytes: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1fa50e1, 0);
  header.set([1, compression, cipher, 0], 4);
  header.writeUInt32LE(bodyBytes, 16);
  header.writeUInt32LE(bodyBytes, 20);
  return header;
}

/** Numbers from 0 to 1, the same each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
