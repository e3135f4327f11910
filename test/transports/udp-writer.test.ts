import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";
import { Pacer } from "../../src/transports/udp-pacer.js";
import { DatagramWriter } from "../../src/transports/udp-writer.js";

describe("a pacer", () => {
  test("lets no more leave in any span of time than the rate, a burst and one datagram", () => {
    const reached = { paused: 0, rested: 0 };
    const RATE = 1_000_000; // 1,000 bytes a ms
    const BURST = 5_000;
    const steps = fc.array(fc.record({ restMs: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(50)), wanted: fc.nat(20) }), {
      maxLength: 60,
      size: "max",
    });
    fc.assert(
      fc.property(steps, (all) => {
        let nowMs = 0;
        const pacer = new Pacer(RATE, BURST, () => nowMs);
        const left: { atMs: number; bytes: number }[] = [];
        for (const { restMs, wanted } of all) {
          nowMs += restMs;
          if (restMs > 10) reached.rested++;
          for (let n = 0; n < wanted; n++) {
            if (!pacer.mayLeave()) {
              reached.paused++;
              const waitMs = pacer.waitMs();
              nowMs += waitMs;
              if (!pacer.mayLeave()) expect.fail(`waited ${waitMs} ms in vain`);
            }
            pacer.left(1_400);
            left.push({ atMs: nowMs, bytes: 1_400 });
          }
        }
        for (const [n, { atMs }] of left.entries()) {
          let bytes = 0;
          for (const later of left.slice(n)) {
            bytes += later.bytes;
            const most = BURST + 1_400 + (later.atMs - atMs) * 1_000;
            if (bytes > most) expect.fail(`${bytes} bytes within ${later.atMs - atMs} ms`);
          }
        }
      }),
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(50);
  });

  test("lets no more than 80 datagrams leave in a ms after a burst of 128, however small", () => {
    let nowMs = 0;
    const pacer = new Pacer(1e9, 1e6, () => nowMs);
    const leave = (): number => {
      let count = 0;
      for (; pacer.mayLeave(); count++) pacer.left(74);
      return count;
    };
    expect(leave()).toBe(128);
    expect(pacer.waitMs()).toBe(0);
    nowMs += 1;
    expect(leave()).toBe(80);
    nowMs += 1_000;
    expect(leave()).toBe(128);
  });

  test("without a rate waits for nothing", () => {
    const pacer = new Pacer(Number.POSITIVE_INFINITY, 1, () => 0);
    for (let n = 0; n < 10; n++) {
      expect(pacer.mayLeave()).toBe(true);
      pacer.left(1_400);
    }
  });
});

describe("a writer of datagrams", () => {
  /** A writer whose datagrams leave only when they are told to. */
  function writer(bufferBytesMax = 10_000) {
    const sent: { bytes: Buffer; done: (error: Error | null) => void }[] = [];
    const told = { readies: 0, errors: [] as Error[] };
    const made = new DatagramWriter({
      datagramBytesMax: 1_400,
      bufferBytesMax,
      rateBytesPerSecond: Number.POSITIVE_INFINITY,
      burstBytes: 1,
      now: () => 0,
      transmit: (bytes, offset, byteLength, done) =>
        sent.push({ bytes: Buffer.from(bytes.subarray(offset, offset + byteLength)), done }),
      onReady: () => told.readies++,
      onError: (error) => told.errors.push(error),
    });
    return { made, sent, told };
  }
  const put = (made: DatagramWriter, n: number, payloadBytes: number) => {
    const message = messageBuffer(messageOf(n, payloadBytes));
    return made.send(message, 0, message.bytes.byteLength);
  };

  test("counts what waits until the system has let it go, and says once that there is room", async () => {
    const { made, sent, told } = writer();
    let count = 0;
    while (put(made, count, 968) === "sent") count++;
    expect([count, made.pendingBytes]).toEqual([10, 10_000]);
    await Promise.resolve();
    expect(sent).toHaveLength(10);
    for (const [n, { done }] of sent.entries()) {
      expect(told.readies).toBe(n > 5 - 1 ? 1 : 0);
      done(null);
      expect(made.pendingBytes).toBe(10_000 - (n + 1) * 1_000);
    }
    expect(told).toEqual({ readies: 1, errors: [] });
  });

  test("tells what the system did not take, and resolves drained when nothing waits", async () => {
    const { made, sent, told } = writer();
    put(made, 1, 10);
    let isDrained = false;
    const draining = made.drained().then(() => {
      isDrained = true;
    });
    await Promise.resolve();
    expect([sent.length, isDrained]).toEqual([1, false]);
    sent[0]?.done(new Error("no"));
    await draining;
    expect(told.errors).toHaveLength(1);
  });

  test("bounds what goes ahead", () => {
    const { made } = writer();
    put(made, 1, 10);
    const message = messageBuffer(messageOf(2, 10));
    for (let n = 0; n < 1_000; n++) {
      const answer = made.sendAhead(message, 0, message.bytes.byteLength, true);
      if (answer === "backPressured") return;
    }
    expect.fail("a thousand datagrams that the system did not let go were taken");
  });

  test("never uses a counter twice, also where what goes ahead comes between", async () => {
    const { made, sent } = writer(1 << 20);
    made.beginEnvelopes();
    for (let n = 0; n < 20; n++) {
      put(made, n, n % 3 === 0 ? 4_000 : 100);
      const message = messageBuffer(messageOf(n, 10));
      made.sendAhead(message, 0, message.bytes.byteLength, true);
      if (n % 2 === 0) await Promise.resolve();
    }
    const counters = sent.map(({ bytes }) => Number(bytes.readBigUInt64LE(8)));
    expect(counters).toEqual(counters.map((_, n) => n));
    expect(counters.length).toBeGreaterThan(30);
  });
});
