import { HEADER_BYTES } from "../../protocol/header.js";
import { messageBuffer } from "../../protocol/message-buffer.js";
import { fail, same, turns } from "./checks.js";
import type { Direction, LinkBed, LinkTests } from "./link-bed.js";
import { messageOf, Recorder, send, sendAhead } from "./recorder.js";

async function inOrder(bed: LinkBed, direction: Direction): Promise<void> {
  const link = await bed.started(direction);
  const sizeOf = (n: number): number => (n * 37) % 700;
  await bed.sendAll(link, 3_000, sizeOf);
  await bed.arrival(link.receiver, 3_000);
  await bed.until("pendingBytes 0", () => link.from.pendingBytes === 0);
}

/** What arrives: each message once, in order, whole; as far as the transport says so. */
export const DELIVERY: LinkTests = {
  "hands over every message once and in order, to the server": (bed) => inOrder(bed, "to the server"),
  "hands over every message once and in order, to the client": (bed) => inOrder(bed, "to the client"),

  async "carries both directions at once, and lets a handler answer"(bed) {
    const link = await bed.started();
    let refusedCount = 0;
    link.receiver.onMessage = (n) => {
      if (bed.send(link.to, n, 20) !== "sent") refusedCount++;
    };
    await bed.sendAll(link, 500, () => 30);
    await bed.arrival(link.receiver, 500);
    await bed.arrival(link.sender, 500);
    if (bed.guarantees.isLossless) same("answers that were refused", refusedCount, 0);
  },

  async "carries messages of every size up to its limit"(bed) {
    const link = await bed.started();
    const payloadBytesMax = bed.payloadBytesMaxOf(link);
    const around = [0, 2, 3, 255, 256, 257, 258, 4_096, 65_536, 70_000].filter((bytes) => bytes < payloadBytesMax - 1);
    const sizes = [...around, payloadBytesMax - 1, payloadBytesMax];
    await bed.sendAll(link, sizes.length, (n) => sizes[n] as number);
    await bed.arrival(link.receiver, sizes.length);
    if (!bed.guarantees.isLossless) return;
    const expected = sizes.reduce((sum, bytes, n) => sum + messageOf(n, bytes).byteLength, 0);
    if (bed.guarantees.isDeduplicated) same("bytes that came", link.receiver.bytes, expected);
  },

  async "answers what it cannot carry with tooLarge, and goes on"(bed) {
    const link = await bed.started();
    const payloadBytesMax = bed.payloadBytesMaxOf(link);
    for (const bytes of [payloadBytesMax + 1, payloadBytesMax + 2, payloadBytesMax + 70_000]) {
      // messageOf leaves out a byte that no TLV can fill: the size is that of the memory.
      const message = new Uint8Array(HEADER_BYTES + bytes);
      message.set(messageOf(0, payloadBytesMax));
      same(`the answer to a payload of ${bytes} bytes`, send(link.from, message), "tooLarge");
      same(`the answer to ${bytes} bytes sent ahead`, sendAhead(link.from, message), "tooLarge");
    }
    await bed.sendAll(link, 1, () => 10);
    await bed.arrival(link.receiver, 1);
  },

  async "sends a message from anywhere within a larger memory, and copies it"(bed) {
    const link = await bed.started();
    for (const [n, offset] of [0, 1, 17, 63].entries()) {
      const message = messageOf(n, 300);
      const memory = new Uint8Array(message.byteLength + 128).fill(0xee);
      memory.set(message, offset);
      same("the answer", link.from.send(messageBuffer(memory), offset, message.byteLength), "sent");
      memory.fill(0xdd); // it was copied: this is not seen
    }
    await bed.arrival(link.receiver, 4);
  },

  async "delivers what is sent ahead, once and whole, and the others as if nothing were between"(bed) {
    const link = await bed.started();
    let aheadCount = 0;
    for (let n = 0; n < 500; n++) {
      await bed.sendAll(link, 1, () => (n * 37) % 700, n);
      if (n % 5 === 0 && bed.sendAhead(link.from, aheadCount) === "sent") aheadCount++;
    }
    if (aheadCount === 0) fail("nothing that was sent ahead was taken");
    await bed.arrival(link.receiver, 500);
    await bed.aheadArrival(link.receiver, aheadCount);
  },

  async "carries messages without a payload"(bed) {
    const link = await bed.started();
    await bed.sendAll(link, 2_000, () => 0);
    await bed.arrival(link.receiver, 2_000);
  },

  async "carries its largest messages one behind the other, through back pressure"(bed) {
    const link = await bed.started();
    const payloadBytesMax = bed.payloadBytesMaxOf(link);
    await bed.sendAll(link, 24, () => payloadBytesMax);
    await bed.arrival(link.receiver, 24);
  },

  async "carries both directions through back pressure at once: neither waits for the other"(bed) {
    const there = await bed.started();
    const back = { from: there.to, to: there.from, sender: there.receiver, receiver: there.sender };
    const payloadBytes = Math.min(16 << 10, bed.payloadBytesMaxOf(there));
    const count = Math.min(2_000, Math.ceil((2 * bed.takenBytesMax) / payloadBytes));
    await Promise.all([bed.sendAll(there, count, () => payloadBytes), bed.sendAll(back, count, () => payloadBytes)]);
    await bed.arrival(there.receiver, count);
    await bed.arrival(back.receiver, count);
  },

  async "keeps, or does not take, what is sent before the other end has started"(bed) {
    for (const isToServer of [true, false]) {
      const { client, server } = await bed.ends();
      const [from, to] = isToServer ? [client, server] : [server, client];
      const [sender, receiver] = [new Recorder(), new Recorder()];
      from.start(sender);
      const takenCount = bed.sendSome(from, 50, 10);
      await turns(3); // it may have come by now
      to.start(receiver);
      if (takenCount < 10) await bed.until("ready when the other end has started", () => sender.readies > 0);
      same("the answer once both have started", bed.send(from, takenCount, 50), "sent");
      await bed.arrival(receiver, takenCount + 1);
    }
  },
};
