import { fail, same, turn, turns } from "./checks.js";
import { AHEAD_PAYLOAD_BYTES, type LinkTests } from "./link-bed.js";
import { Recorder } from "./recorder.js";

const PAYLOAD_BYTES = 1_000;

/** What happens where one end is slower. */
export const BACK_PRESSURE: LinkTests = {
  async "pushes back when nobody reads, takes a bounded amount, and says when there is room"(bed) {
    const link = await bed.started();
    const { from, to, sender, receiver } = link;
    to.pause();
    let sent = bed.fill(from, PAYLOAD_BYTES);
    const already = await bed.paused(receiver);
    // What it took is all there is, however often it is asked.
    for (let round = 0; round < 5; round++) {
      await turn();
      sent += bed.fill(from, PAYLOAD_BYTES, sent);
      if (bed.guarantees.isLossless && sent * PAYLOAD_BYTES > bed.takenBytesMax) fail(`took ${sent} messages`);
    }
    same("messages handed over while paused", receiver.numbers.length, already);
    if (!bed.guarantees.isLossless) return;
    same("the answer when nobody reads", bed.send(from, sent, PAYLOAD_BYTES), "backPressured");
    const before = sender.readies;
    to.resume();
    await bed.until("ready after the other end went on", () => sender.readies > before);
    await bed.sendAll(link, 50, () => PAYLOAD_BYTES, sent);
    await bed.arrival(receiver, sent + 50);
  },

  async "takes a bounded amount that is sent ahead when nobody reads, and delivers what it took"(bed) {
    const link = await bed.started();
    const { from, to, receiver } = link;
    to.pause();
    const sent = bed.fill(from, PAYLOAD_BYTES);
    const countMax = Math.ceil(bed.takenBytesMax / AHEAD_PAYLOAD_BYTES);
    let aheadCount = 0;
    while (aheadCount < countMax && bed.sendAhead(from, aheadCount) === "sent") aheadCount++;
    if (!bed.guarantees.isLossless) return;
    if (aheadCount === countMax) fail(`took ${aheadCount} messages sent ahead that nobody reads`);
    to.resume();
    await bed.arrival(receiver, sent);
    await bed.aheadArrival(receiver, aheadCount);
  },

  async "says there is room to one who had none for what goes ahead"(bed) {
    const link = await bed.started();
    const { from, to, sender, receiver } = link;
    to.pause();
    const countMax = Math.ceil(bed.takenBytesMax / AHEAD_PAYLOAD_BYTES);
    let aheadCount = 0;
    while (aheadCount < countMax && bed.sendAhead(from, aheadCount) === "sent") aheadCount++;
    if (!bed.guarantees.isLossless) return;
    to.resume();
    await bed.until("ready after it went on, for what goes ahead", () => sender.readies > 0);
    await bed.aheadArrival(receiver, aheadCount);
  },

  async "says there is room only to one who asked in vain"(bed) {
    const link = await bed.started();
    await bed.sendAll(link, 20, () => 10);
    await bed.arrival(link.receiver, 20);
    await bed.until("pendingBytes 0", () => link.from.pendingBytes === 0);
    link.to.resume(); // was not paused: nothing happens
    await turns(3);
    same("how often ready was said, unasked", [link.sender.readies, link.receiver.readies], [0, 0]);
  },

  async "says there is room once for each time that it pushed back"(bed) {
    const { from, to, sender } = await bed.started();
    to.pause();
    const sent = bed.fill(from, PAYLOAD_BYTES);
    if (!bed.guarantees.isLossless) return;
    to.resume();
    await bed.until("ready", () => sender.readies > 0);
    await bed.until("pendingBytes 0", () => from.pendingBytes === 0);
    await turns(5);
    same(`how often ready was said, after ${sent} messages and one that did not go`, sender.readies, 1);
  },

  async "lets ready send on, until there is no room again"(bed) {
    const link = await bed.started();
    const { from, to, sender, receiver } = link;
    const payloadBytes = Math.min(8 << 10, bed.payloadBytesMaxOf(link));
    const count = Math.ceil((2 * bed.takenBytesMax) / payloadBytes);
    to.pause();
    let sent = bed.sendSome(from, payloadBytes, count);
    sender.onReady = () => {
      sent += bed.sendSome(from, payloadBytes, count - sent, sent);
    };
    to.resume();
    if (!bed.guarantees.isLossless) return;
    await bed.until(`${count} messages sent from within ready`, () => sent === count);
    await bed.arrival(receiver, count);
  },

  async "paused and resumed again and again loses nothing"(bed) {
    const link = await bed.started();
    const { to, receiver } = link;
    receiver.onMessage = (n) => {
      if (n % 50 !== 0) return;
      to.pause();
      setImmediate(() => to.resume());
    };
    await bed.sendAll(link, 2_000, (n) => n % 300);
    await bed.arrival(receiver, 2_000);
  },

  async "paused by its handler hands over only what was read, and the rest when it goes on"(bed) {
    const link = await bed.started();
    const { from, to, receiver } = link;
    receiver.onMessage = () => to.pause();
    const payloadBytes = Math.min(PAYLOAD_BYTES, bed.payloadBytesMaxOf(link));
    let sent = bed.sendSome(from, payloadBytes, 100);
    await bed.until("the first message", () => receiver.numbers.length > 0 || !bed.guarantees.isLossless);
    const already = await bed.paused(receiver);
    sent += bed.sendSome(from, payloadBytes, 100, sent);
    await turns(20);
    same("messages handed over while paused", receiver.numbers.length, already);
    receiver.onMessage = () => {};
    to.resume();
    await bed.sendAll(link, 1, () => payloadBytes, sent);
    await bed.arrival(receiver, sent + 1);
  },

  async "paused before it is started hands nothing over until it goes on"(bed) {
    const { client, server } = await bed.ends();
    const [sender, receiver] = [new Recorder(), new Recorder()];
    server.pause();
    server.start(receiver);
    client.start(sender);
    const sent = bed.sendSome(client, PAYLOAD_BYTES, 10);
    same("messages handed over while paused", await bed.paused(receiver), 0);
    server.resume();
    await bed.sendAll({ from: client, to: server, sender, receiver }, 1, () => 10, sent);
    await bed.arrival(receiver, sent + 1);
  },
};
