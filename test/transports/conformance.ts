import { afterEach, describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import type { AlphaPulseError } from "../../src/protocol/errors.js";
import { parseMessage } from "../../src/protocol/message.js";
import { type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import type { SendResult } from "../../src/protocol/publisher.js";
import type { Link, LinkHandler } from "../../src/transports/transport.js";
import { until } from "../samples.js";

/** The two ends of one link, not started yet. */
export interface Ends {
  readonly client: Link;
  readonly server: Link;
  /** Takes away what the link needed. */
  cleanUp(): unknown;
}

/** What a transport is to be held against. */
export interface Conformance {
  /** Makes a link. The less it buffers, the sooner back pressure shows. */
  connect(): Promise<Ends>;
  /** The largest payload that it carries; a larger one is answered with `tooLarge`. */
  readonly payloadBytesMax: number;
  /** How many bytes may be taken while the other end does not read. */
  readonly takenBytesMax: number;
}

const builder = new TLVBuilder({ domain: 1, source: 1, payloadBytesMax: 16 << 20 });

/** A whole message that says which one it is: number `n` of about `payloadBytes`. */
export function messageOf(n: number, payloadBytes: number): Uint8Array {
  for (let left = payloadBytes; left >= 2; ) {
    const headerBytes = left > 257 ? 5 : 2;
    const valueBytes = Math.min(65_535, left - headerBytes);
    builder.addRaw(200, new Uint8Array(valueBytes).fill(n & 255));
    left -= valueBytes + headerBytes;
  }
  return builder.build({ sequence: n, timestamp: 1n });
}

/** Notes what an end of a link is told. */
export class Recorder implements LinkHandler {
  readonly numbers: number[] = [];
  readonly problems: string[] = [];
  bytes = 0;
  idles = 0;
  readies = 0;
  closings = 0;
  error: AlphaPulseError | undefined;
  /** Called with each message's number. */
  onMessage: (n: number) => void = () => {};

  message({ bytes }: MessageBuffer, offset: number, byteLength: number): void {
    if (this.closings > 0) this.problems.push("a message after the end");
    const message = parseMessage(bytes.slice(offset, offset + byteLength), { payloadBytesMax: 16 << 20 });
    const n = Number(message.header.sequence);
    for (const { value } of message) {
      if (value.some((byte) => byte !== (n & 255))) this.problems.push(`message ${n} is not as it was sent`);
    }
    this.numbers.push(n);
    this.bytes += byteLength;
    this.onMessage(n);
  }

  idle(): void {
    this.idles++;
  }

  ready(): void {
    this.readies++;
  }

  broken(error: AlphaPulseError): void {
    this.problems.push(`broken: ${error.message}`);
  }

  closed(error?: AlphaPulseError): void {
    this.closings++;
    this.error = error;
  }
}

export function send(link: Link, message: Uint8Array): SendResult {
  return link.send(messageBuffer(message), 0, message.byteLength);
}

const count = (length: number): number[] => Array.from({ length }, (_, n) => n);

/** Holds a transport's links against what {@link Link} and {@link LinkHandler} promise. */
export function conformance(name: string, { connect, payloadBytesMax, takenBytesMax }: Conformance): void {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function ends(): Promise<Ends> {
    const made = await connect();
    cleanups.push(() => made.cleanUp());
    cleanups.push(
      () => made.client.destroy(),
      () => made.server.destroy(),
    );
    return made;
  }

  interface Started {
    readonly from: Link;
    readonly to: Link;
    readonly sender: Recorder;
    readonly receiver: Recorder;
  }

  async function started(direction: "to the server" | "to the client" = "to the server"): Promise<Started> {
    const { client, server } = await ends();
    const [from, to] = direction === "to the server" ? [client, server] : [server, client];
    const [sender, receiver] = [new Recorder(), new Recorder()];
    from.start(sender);
    to.start(receiver);
    return { from, to, sender, receiver };
  }

  /** Sends in turn, waiting for room where there is none. */
  async function sendAll({ from, sender }: Started, messages: readonly Uint8Array[]): Promise<number> {
    let waits = 0;
    for (const message of messages) {
      for (;;) {
        const before = sender.readies;
        const result = send(from, message);
        if (result === "sent") break;
        expect(result).toBe("backPressured");
        waits++;
        await until(() => sender.readies > before);
      }
    }
    return waits;
  }

  /** Sends until there is no room, or so many; returns how many went. */
  function fill(link: Link, payloadBytes: number, countMax = Number.POSITIVE_INFINITY): number {
    let n = 0;
    while (n < countMax && send(link, messageOf(n, payloadBytes)) === "sent") {
      n++;
      if (n * payloadBytes > takenBytesMax) throw new Error(`took ${n} messages that nobody reads`);
    }
    return n;
  }

  describe(`a link over ${name}`, () => {
    test.each(["to the server", "to the client"] as const)(
      "hands over every message once and in order, %s",
      async (direction) => {
        const link = await started(direction);
        const messages = count(3_000).map((n) => messageOf(n, (n * 37) % 700));
        await sendAll(link, messages);
        await until(() => link.receiver.numbers.length >= messages.length);
        expect(link.receiver.numbers).toEqual(count(3_000));
        expect(link.receiver.problems).toEqual([]);
        expect(link.receiver.bytes).toBe(messages.reduce((sum, { byteLength }) => sum + byteLength, 0));
        await until(() => link.from.pendingBytes === 0);
      },
    );

    test("carries both directions at once, and lets a handler answer", async () => {
      const link = await started();
      const { from, to, sender, receiver } = link;
      let unsent = 0;
      receiver.onMessage = (n) => {
        if (send(to, messageOf(n, 20)) !== "sent") unsent++;
      };
      await sendAll(
        link,
        count(500).map((n) => messageOf(n, 30)),
      );
      await until(() => sender.numbers.length + unsent >= 500);
      expect([sender.numbers, unsent]).toEqual([count(500), 0]);
      expect(from.pendingBytes).toBe(0);
    });

    test("carries messages of every size up to its limit", async () => {
      const link = await started();
      const limits = [0, 2, 255, 4_096, 65_536, 70_000, payloadBytesMax - 1, payloadBytesMax];
      const messages = limits.map((payloadBytes, n) => messageOf(n, payloadBytes));
      await sendAll(link, messages);
      await until(() => link.receiver.numbers.length === messages.length);
      expect(link.receiver.numbers).toEqual(count(messages.length));
      expect(link.receiver.bytes).toBe(messages.reduce((sum, { byteLength }) => sum + byteLength, 0));
      expect(link.receiver.problems).toEqual([]);
    });

    test("answers what it cannot carry with tooLarge, and goes on", async () => {
      const link = await started();
      expect([link.from.payloadBytesMax, link.to.payloadBytesMax]).toEqual([payloadBytesMax, payloadBytesMax]);
      expect(send(link.from, messageOf(0, payloadBytesMax + 1))).toBe("tooLarge");
      await sendAll(link, [messageOf(1, 10)]);
      await until(() => link.receiver.numbers.length === 1);
      expect(link.receiver.numbers).toEqual([1]);
    });

    test("sends a message from anywhere within a larger memory", async () => {
      const { from, receiver } = await started();
      const message = messageOf(5, 300);
      const memory = new Uint8Array(message.byteLength + 64).fill(0xee);
      memory.set(message, 17);
      expect(from.send(messageBuffer(memory), 17, message.byteLength)).toBe("sent");
      memory.fill(0xdd); // it was copied
      await until(() => receiver.numbers.length === 1);
      expect([receiver.numbers, receiver.problems]).toEqual([[5], []]);
    });

    test("pushes back when nobody reads, takes a bounded amount, and says when there is room", async () => {
      const link = await started();
      const { from, to, sender, receiver } = link;
      to.pause();
      await new Promise((resolve) => setImmediate(resolve));
      const already = receiver.numbers.length;
      let sent = fill(from, 1_000);
      expect(send(from, messageOf(sent, 1_000))).toBe("backPressured");
      // What it took is all there is, however often it is asked.
      for (let round = 0; round < 5; round++) {
        await new Promise((resolve) => setImmediate(resolve));
        while (send(from, messageOf(sent, 1_000)) === "sent") sent++;
      }
      expect(sent * 1_000).toBeLessThan(takenBytesMax);
      expect(receiver.numbers.length).toBe(already);
      const before = sender.readies;
      to.resume();
      await until(() => sender.readies > before);
      await sendAll(
        link,
        count(50).map((n) => messageOf(sent + n, 1_000)),
      );
      await until(() => receiver.numbers.length === sent + 50);
      expect(receiver.numbers).toEqual(count(sent + 50));
      expect(receiver.problems).toEqual([]);
    });

    test("says there is room only to one who asked in vain", async () => {
      const link = await started();
      await sendAll(
        link,
        count(20).map((n) => messageOf(n, 10)),
      );
      await until(() => link.receiver.numbers.length === 20 && link.from.pendingBytes === 0);
      expect(link.sender.readies).toBe(0);
    });

    test("paused and resumed again and again loses nothing", async () => {
      const link = await started();
      const { to, receiver } = link;
      let n = 0;
      receiver.onMessage = () => {
        if (n++ % 50 !== 0) return;
        to.pause();
        setImmediate(() => to.resume());
      };
      await sendAll(
        link,
        count(2_000).map((each) => messageOf(each, each % 300)),
      );
      await until(() => receiver.numbers.length >= 2_000);
      expect(receiver.numbers).toEqual(count(2_000));
    });

    test("that is closed first delivers what was sent, then ends both, once and without an error", async () => {
      const { from, to, sender, receiver } = await started();
      const sent = fill(from, 500, 1_500);
      await from.close();
      await until(() => receiver.closings > 0 && sender.closings > 0);
      expect(receiver.numbers).toEqual(count(sent));
      expect([sender.closings, receiver.closings]).toEqual([1, 1]);
      expect([sender.error, receiver.error]).toEqual([undefined, undefined]);
      expect([send(from, messageOf(1, 1)), send(to, messageOf(1, 1))]).toEqual(["closed", "closed"]);
      await Promise.all([from.close(), to.close()]); // again: nothing more happens
      from.destroy();
      to.destroy();
      expect([sender.closings, receiver.closings]).toEqual([1, 1]);
    });

    test("that is closed delivers its last message even to an end that keeps sending", async () => {
      const { from, to, sender, receiver } = await started();
      let isOver = false;
      const flood = (): void => {
        for (let n = 0; n < 20 && !isOver; n++) isOver = send(to, messageOf(n, 200)) === "closed";
        if (!isOver) setImmediate(flood);
      };
      flood();
      await until(() => sender.numbers.length > 100);
      expect(send(from, messageOf(77, 100))).toBe("sent");
      await from.close();
      await until(() => receiver.closings > 0 && isOver);
      expect(receiver.numbers).toEqual([77]);
      expect(receiver.closings).toBe(1);
    });

    test("closed by both at once ends both, once", async () => {
      const { from, to, sender, receiver } = await started();
      send(from, messageOf(0, 10));
      send(to, messageOf(0, 10));
      await Promise.all([from.close(), to.close()]);
      await until(() => sender.closings + receiver.closings >= 2);
      expect([sender.closings, receiver.closings]).toEqual([1, 1]);
    });

    test("that is destroyed ends both, once, and hands over nothing more", async () => {
      const { from, to, sender, receiver } = await started();
      receiver.onMessage = (n) => {
        if (n === 2) to.destroy();
      };
      for (let n = 0; n < 10; n++) send(from, messageOf(n, 10));
      await until(() => sender.closings > 0 && receiver.closings > 0);
      expect(receiver.numbers).toEqual([0, 1, 2]);
      expect([sender.closings, receiver.closings]).toEqual([1, 1]);
      await until(() => send(from, messageOf(1, 1)) === "closed");
      expect(send(to, messageOf(1, 1))).toBe("closed");
      expect(receiver.problems).toEqual([]);
    });

    test("tells its end to one who starts only afterwards", async () => {
      const { client, server } = await ends();
      const [first, late, own] = [new Recorder(), new Recorder(), new Recorder()];
      client.start(first);
      client.destroy();
      await until(() => first.closings === 1);
      server.start(late);
      await until(() => late.closings === 1);
      const other = await ends();
      other.client.destroy();
      other.client.start(own);
      await until(() => own.closings === 1);
      expect([first.closings, late.closings, own.closings]).toEqual([1, 1, 1]);
    });

    test("keeps, or does not take, what is sent before the other end has started", async () => {
      const { client, server } = await ends();
      const [sender, receiver] = [new Recorder(), new Recorder()];
      client.start(sender);
      const taken = count(10).filter((n) => send(client, messageOf(n, 50)) === "sent");
      server.start(receiver);
      if (taken.length < 10) await until(() => sender.readies > 0);
      expect(send(client, messageOf(10, 50))).toBe("sent");
      await until(() => receiver.numbers.length === taken.length + 1);
      expect(receiver.numbers).toEqual([...taken, 10]);
    });
  });
}
