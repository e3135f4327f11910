import { fail, same, turn, turns } from "./checks.js";
import type { LinkTests } from "./link-bed.js";
import { Recorder } from "./recorder.js";

/** How a link ends. */
export const ENDINGS: LinkTests = {
  async "closed delivers first what was sent, then ends both, once and without an error"(bed) {
    const link = await bed.started();
    const { from, to, sender, receiver } = link;
    const sent = bed.sendSome(from, 500, 1_500);
    await bed.within("close", from.close());
    await bed.ended(link);
    await bed.arrival(receiver, sent);
    same("the errors of a close", [sender.error?.code, receiver.error?.code], [undefined, undefined]);
    same("the answer after the end", bed.send(from, 1, 1), "closed");
    same("the answer to what is sent ahead after the end", bed.sendAhead(from, 0), "closed");
    if (bed.guarantees.tellsOfEnd) same("the answer at the other end", bed.send(to, 1, 1), "closed");
    await bed.within("close, again", Promise.all([from.close(), to.close()]));
    from.destroy();
    to.destroy();
    await bed.ended(link);
  },

  async "closed in the turn in which many small messages were sent delivers them all"(bed) {
    const link = await bed.started("to the client");
    const sent = bed.sendSome(link.from, 0, 5_000);
    const closing = link.from.close();
    await bed.within("close", closing);
    await bed.arrival(link.receiver, sent);
    await bed.ended(link);
  },

  async "closed loses nothing that it still takes meanwhile"(bed) {
    const link = await bed.started();
    const { from, to, receiver } = link;
    to.pause();
    let sent = bed.sendSome(from, 1_000, 50);
    await bed.paused(receiver);
    const closing = from.close();
    for (let round = 0; round < 10; round++) {
      if (round === 5) to.resume();
      sent += bed.sendSome(from, 1_000, 2, sent);
      await turn();
    }
    await bed.within("close", closing);
    await bed.arrival(receiver, sent);
    await bed.ended(link);
  },

  async "closed while the other end is paused delivers all when it goes on"(bed) {
    const link = await bed.started();
    const { from, to, receiver } = link;
    to.pause();
    const sent = bed.sendSome(from, 1_000, 200);
    const already = await bed.paused(receiver);
    const closing = from.close();
    await turns(10);
    same("messages handed over while paused", receiver.numbers.length, already);
    to.resume();
    await bed.within("close", closing);
    await bed.arrival(receiver, sent);
    await bed.ended(link);
  },

  async "closed delivers its last message even to an end that keeps sending"(bed) {
    const link = await bed.started();
    const { from, to, sender, receiver } = link;
    let isOver = false;
    const flood = (): void => {
      for (let n = 0; n < 20 && !isOver; n++) isOver = bed.send(to, n, 200) === "closed";
      if (!isOver) setImmediate(flood);
    };
    flood();
    try {
      await bed.until("a hundred messages of the other end", () => sender.numbers.length > 100);
      same("the answer to the last message", bed.send(from, 0, 100), "sent");
      await bed.within("close", from.close());
      if (bed.guarantees.tellsOfEnd) await bed.until("the answer closed", () => isOver);
    } finally {
      isOver = true;
    }
    await bed.arrival(receiver, 1);
    await bed.ended(link);
  },

  async "disposed of delivers first what was sent, as one that is closed does"(bed) {
    const link = await bed.started();
    const sent = bed.sendSome(link.from, 100, 200);
    await bed.within("Symbol.asyncDispose", Promise.resolve(link.from[Symbol.asyncDispose]()));
    await bed.arrival(link.receiver, sent);
    await bed.ended(link);
    same("the answer after the end", bed.send(link.from, 1, 1), "closed");
  },

  async "closed by both at once ends both, once"(bed) {
    const link = await bed.started();
    bed.send(link.from, 0, 10);
    bed.send(link.to, 0, 10);
    await bed.within("close", Promise.all([link.from.close(), link.to.close()]));
    await bed.ended(link);
  },

  async "destroyed by its handler ends both, once, and hands over nothing more"(bed) {
    const link = await bed.started();
    const { from, to, receiver } = link;
    let count = 0;
    receiver.onMessage = (n) => {
      if (n < 2) return; // that one may be lost
      count ||= receiver.numbers.length;
      to.destroy();
    };
    for (let n = 0; n < 10; n++) bed.send(from, n, 10);
    await bed.ended(link);
    same("messages after the one whose handler destroyed it", receiver.numbers.length - count, 0);
    if (bed.guarantees.tellsOfEnd) await bed.until("the answer closed", () => bed.send(from, 1, 1) === "closed");
    same("the answer after the end", bed.send(to, 1, 1), "closed");
  },

  async "whose handler throws ends both, and tells the error to that end alone"(bed) {
    const link = await bed.started();
    const { from, sender, receiver } = link;
    const thrown = new Error("thrown by the handler of this test");
    let count = 0;
    receiver.onMessage = (n) => {
      if (n < 2) return; // that one may be lost
      count ||= receiver.numbers.length;
      throw thrown;
    };
    for (let n = 0; n < 10; n++) bed.send(from, n, 10);
    await bed.ended(link);
    same("the code that the end whose handler threw is told", receiver.error?.code, "HANDLER_FAILED");
    if (receiver.error?.cause !== thrown) fail("the cause of HANDLER_FAILED is not what the handler threw");
    same("the code that the other end is told", sender.error?.code, undefined);
    same("messages after the one whose handler threw", receiver.numbers.length - count, 0);
  },

  async "answers closed to what is sent from within closed"(bed) {
    const link = await bed.started();
    const answers: string[] = [];
    link.sender.onClosed = () => answers.push(bed.send(link.from, 0, 10));
    link.receiver.onClosed = () => answers.push(bed.send(link.to, 0, 10));
    link.from.destroy();
    await bed.ended(link);
    same("the answers", answers, bed.guarantees.tellsOfEnd ? ["closed", "closed"] : ["closed"]);
  },

  async "tells its end to one who starts only afterwards"(bed) {
    const { client, server } = await bed.ends();
    const [first, late, own] = [new Recorder(), new Recorder(), new Recorder()];
    client.start(first);
    client.destroy();
    await bed.until("closed at the end that was destroyed", () => first.closings > 0);
    server.start(late);
    if (bed.guarantees.tellsOfEnd) {
      await bed.until("closed at the end that starts after the other was destroyed", () => late.closings > 0);
    }
    const other = await bed.ends();
    other.client.destroy();
    other.client.start(own);
    await bed.until("closed at the end that starts after it was destroyed", () => own.closings > 0);
    await turns(2);
    const lateCount = bed.guarantees.tellsOfEnd ? 1 : late.closings;
    same("how often each was told", [first.closings, late.closings, own.closings], [1, lateCount, 1]);
  },

  async "destroyed with room still wanted says no more that there is room"(bed) {
    const link = await bed.started();
    link.to.pause();
    bed.fill(link.from, 1_000);
    const before = link.sender.readies;
    link.from.destroy();
    link.to.resume();
    await bed.ended(link);
    same("how often ready was said after the end", link.sender.readies, before);
  },
};
