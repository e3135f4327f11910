import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../../src/guards/circuit-breaker.js";
import { guarded } from "../../src/guards/guarded-transport.js";
import { RateLimiter } from "../../src/guards/rate-limiter.js";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import { transportConformance } from "../../src/testing/transport-conformance.js";
import type { Link } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { until } from "../samples.js";
import { memoryTransport } from "../testing/memory-transport.js";
import { HandClock } from "./hand-clock.js";

transportConformance(
  "unix:// behind guards",
  () => {
    const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
    let sockets = 0;
    return {
      // Fast enough that a test ends, slow enough that its links are refused.
      transport: guarded(unixTransport, {
        breaker: new CircuitBreaker(),
        sendLimiter: () => new RateLimiter({ tokens: 2_000, perMs: 10, burst: 6_000 }),
      }),
      address: () => join(directory, `${++sockets}.sock`),
      badAddresses: ["relative.sock"],
      options: { bufferBytesMax: 256 << 10 },
      payloadBytesMax: 1 << 20,
      takenBytesMax: 4 << 20,
      cleanUp: () => rmSync(directory, { recursive: true, force: true }),
    };
  },
  { describe, test },
);

async function pair(limiter: RateLimiter, limited: "messages" | "bytes" = "messages") {
  const transport = guarded(memoryTransport(), { sendLimiter: limiter, limited });
  const receiver = new Recorder();
  let other: Link | undefined;
  await transport.listen("here", (link) => {
    other = link;
    link.start(receiver);
  });
  const link = await transport.connect("here");
  const sender = new Recorder();
  link.start(sender);
  return { link, sender, receiver, other: other as Link };
}

describe("a guarded link", () => {
  test("answers backPressured while there are no tokens, says ready once when there are, and keeps the order", async () => {
    const { link, sender, receiver } = await pair(new RateLimiter({ tokens: 1, perMs: 20, burst: 2 }));
    expect([0, 1, 2, 2].map((n) => send(link, messageOf(n, 10)))).toEqual([
      "sent",
      "sent",
      "backPressured",
      "backPressured",
    ]);
    expect(link.sendAhead({ ...bufferOf(9) }, 0, messageOf(9, 10).byteLength)).toBe("sent"); // control is not limited
    await until(() => sender.readies > 0);
    expect(send(link, messageOf(2, 10))).toBe("sent");
    await until(() => receiver.numbers.length === 4);
    expect(receiver.numbers).toContain(9);
    expect(receiver.numbers.filter((number) => number !== 9)).toEqual([0, 1, 2]);
    expect(sender.readies).toBe(1);
  });

  test("limits bytes where it is told so, and says what will never pass", async () => {
    const { link } = await pair(new RateLimiter({ tokens: 500, burst: 500 }), "bytes");
    expect(link.payloadBytesMax).toBe(468);
    expect(send(link, messageOf(0, 469))).toBe("tooLarge");
    expect(send(link, messageOf(0, 468))).toBe("sent");
    expect(send(link, messageOf(1, 0))).toBe("backPressured");
  });

  test("takes no token for what the link itself refuses, and says ready only when neither stands in the way", async () => {
    const clock = new HandClock();
    const limiter = new RateLimiter({ tokens: 1_000_000, nowMs: clock.nowMs });
    const { link, sender, other } = await pair(limiter);
    other.pause();
    let sent = 0;
    while (send(link, messageOf(sent, 10_000)) === "sent") sent++;
    expect(send(link, messageOf(sent, 10_000))).toBe("backPressured");
    expect(limiter.tryTake(1_000_000 - sent)).toBe(true);
    expect(limiter.tryTake(1)).toBe(false);
    expect(send(link, messageOf(sent, 10))).toBe("backPressured"); // now both do
    other.resume();
    await until(() => link.pendingBytes === 0);
    expect(sender.readies).toBe(0);
    clock.ms += 1_000;
    await until(() => sender.readies > 0);
    expect(send(link, messageOf(sent, 10))).toBe("sent");
  });

  test("does not say ready for tokens alone, while the link itself has no room", async () => {
    const clock = new HandClock();
    const limiter = new RateLimiter({ tokens: 1_000, nowMs: clock.nowMs });
    const { link, sender, other } = await pair(limiter);
    other.pause();
    while (send(link, messageOf(0, 10_000)) === "sent");
    limiter.tryTake(990);
    while (limiter.tryTake());
    expect(send(link, messageOf(1, 10))).toBe("backPressured");
    const asked = vi.spyOn(limiter, "waitMs");
    clock.ms += 1_000;
    await until(() => asked.mock.calls.length > 0); // the timer looks
    expect(sender.readies).toBe(0);
    other.resume();
    await until(() => sender.readies > 0);
    expect(sender.readies).toBe(1);
  });

  test("leaves no timer behind when it ends", async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const { link, sender } = await pair(new RateLimiter({ tokens: 1, perMs: 1_000_000 }));
    send(link, messageOf(0, 0));
    const before = timers();
    expect(send(link, messageOf(1, 0))).toBe("backPressured");
    link.destroy();
    await until(() => sender.closings === 1);
    expect(timers()).toBe(before);
    expect(send(link, messageOf(1, 0))).toBe("closed");
  });
});

function bufferOf(n: number) {
  const bytes = messageOf(n, 10);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

describe("a guarded connect", () => {
  test("is refused with CIRCUIT_OPEN after failures, and goes again when the other end is back", async () => {
    const clock = new HandClock();
    const breaker = new CircuitBreaker({ failuresMax: 2, rampMs: 0, random: () => 1, nowMs: clock.nowMs });
    const transport = guarded(memoryTransport(), { breaker });
    for (let n = 0; n < 5; n++) {
      await expect(transport.connect("!")).rejects.toMatchObject({ code: "BAD_ADDRESS" }); // the caller's own
    }
    for (let n = 0; n < 2; n++) {
      await expect(transport.connect("nobody")).rejects.toMatchObject({ code: "NOT_LISTENING" });
    }
    await transport.listen("nobody", () => {});
    await expect(transport.connect("nobody")).rejects.toMatchObject({ code: "CIRCUIT_OPEN", retryMs: 1_000 });
    clock.ms += 1_000;
    expect((await transport.connect("nobody")).peer).toBe("memory://");
    expect(breaker.state).toBe("closed");
  });

  test("can have a breaker for each address", async () => {
    const breakers = new Map<string, CircuitBreaker>();
    const breaker = (address: string): CircuitBreaker => {
      const known = breakers.get(address) ?? new CircuitBreaker({ failuresMax: 1 });
      breakers.set(address, known);
      return known;
    };
    const transport = guarded(memoryTransport(), { breaker });
    await expect(transport.connect("a")).rejects.toMatchObject({ code: "NOT_LISTENING" });
    await expect(transport.connect("a")).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
    await expect(transport.connect("b")).rejects.toMatchObject({ code: "NOT_LISTENING" });
  });

  test.each([{ limited: "packets" }, { breaker: 5 }, { sendLimiter: {} }])("refuses the option %j", (options) => {
    const bad = options as never;
    expect(() => guarded(memoryTransport(), bad)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});
