import { expect, test } from "vitest";
import { MeasuredEnd } from "../../bench/transports/ends/measured-end.js";
import type { Wire } from "../../bench/transports/link.js";
import { MESSAGE_MASK } from "../../bench/transports/messages.js";

const SILENT_MS = 20;
const AT_ONCE = Number.POSITIVE_INFINITY;

/** A wire that hands what is sent to another one, or does with it what a test says. */
class TestWire implements Wire {
  onMessage: (found: number) => void = () => {};
  onFailed: (error: Error) => void = () => {};
  send: (ordinal: number) => Promise<unknown> | undefined = () => undefined;
}

function pair(): { wires: [TestWire, TestWire]; ends: [MeasuredEnd, MeasuredEnd] } {
  const wires: [TestWire, TestWire] = [new TestWire(), new TestWire()];
  for (const [i, wire] of wires.entries()) {
    const other = wires[1 - i]!;
    wire.send = (ordinal) => void queueMicrotask(() => other.onMessage(ordinal & MESSAGE_MASK));
  }
  return { wires, ends: [new MeasuredEnd(wires[0], SILENT_MS), new MeasuredEnd(wires[1], SILENT_MS)] };
}

/** What a receiver says to messages of these ordinals. */
function received(ordinals: readonly number[], count: number, isLossless: boolean): Promise<{ count: number }> {
  const wire = new TestWire();
  const receiving = new MeasuredEnd(wire, SILENT_MS).receive(count, isLossless);
  for (const ordinal of ordinals) wire.onMessage(ordinal & MESSAGE_MASK);
  return receiving;
}

test("all messages that were sent arrive, also more than there are different ones", async () => {
  const { ends } = pair();
  const count = 2 * MESSAGE_MASK + 7;
  const receiving = ends[1].receive(count, true);
  const sent = await ends[0].send(count, AT_ONCE);
  const { count: came, end } = await receiving;
  expect(came).toBe(count);
  expect(end).toBeGreaterThanOrEqual(sent.start);
});

test.each([
  ["a hole", [0, 2]],
  ["one that came twice", [0, 0]],
  ["two that changed places", [1, 0]],
])("a lossless receiver fails at %s", async (_what, ordinals) => {
  await expect(received(ordinals, 2, true)).rejects.toThrow(/^message \d is \d$/);
});

test.each([
  ["in the middle", [0, 1, 4, 5]],
  ["at the beginning", [2, 3, 4, 5]],
  ["at the end", [0, 1, 2, 3]],
  ["of all", []],
])("a receiver that may lose counts what came, with a loss %s", async (_where, ordinals) => {
  expect((await received(ordinals, 6, false)).count).toBe(ordinals.length);
});

test("a receiver that may lose does not take another order for no loss", async () => {
  await expect(received([0, 2, 1], 3, false)).rejects.toThrow("all 3 messages came, but not in order");
});

test("a sender waits where the wire says so", async () => {
  const wire = new TestWire();
  let sent = 0;
  let goOn = (): void => {};
  wire.send = () => (++sent % 3 === 0 ? new Promise<void>((resolve) => (goOn = resolve)) : undefined);
  const sending = new MeasuredEnd(wire).send(5, AT_ONCE);
  await Promise.resolve();
  expect(sent).toBe(3);
  goOn();
  await sending;
  expect(sent).toBe(5);
});

test("a paced sender is never ahead of its pace", async () => {
  const wire = new TestWire();
  const perSecond = 20_000;
  const ahead: number[] = [];
  const start = performance.now();
  wire.send = (ordinal) => void ahead.push(ordinal - ((performance.now() - start) * perSecond) / 1_000);
  const span = await new MeasuredEnd(wire).send(600, perSecond);
  expect(ahead).toHaveLength(600);
  expect(Math.max(...ahead)).toBeLessThan(1);
  expect(span.end - span.start).toBeGreaterThan(((600 - 1) / perSecond) * 1e9 * 0.99);
});

test.each(["idle", "hot"] as const)("round trips are timed one after the other, with %s loops", async (loops) => {
  const { ends, wires } = pair();
  let asked = 0;
  const { send } = wires[0];
  wires[0].send = (ordinal) => {
    expect(ordinal).toBe(asked++); // the last answer has come
    return send(ordinal);
  };
  const answering = ends[1].answer(200, loops);
  const { p50, p99, p999 } = await ends[0].ask(200, loops);
  await answering;
  expect(asked).toBe(200);
  expect(p50).toBeGreaterThan(0);
  expect(p999).toBeGreaterThanOrEqual(p99);
  expect(p99).toBeGreaterThanOrEqual(p50);
});

test("loops are kept going while they are hot, and not after", async () => {
  const turns = async (loops: "idle" | "hot"): Promise<number> => {
    const wire = new TestWire();
    const answering = new MeasuredEnd(wire).answer(1, loops);
    const before = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const { utilization } = performance.eventLoopUtilization(before);
    wire.onMessage(0);
    await answering;
    return utilization;
  };
  expect(await turns("hot")).toBeGreaterThan(0.5);
  expect(await turns("idle")).toBeLessThan(0.5);
});

test("a wire that fails ends the order, and every later one", async () => {
  const wire = new TestWire();
  const end = new MeasuredEnd(wire);
  const receiving = end.receive(1, true);
  wire.onFailed(new Error("the socket was closed"));
  await expect(receiving).rejects.toThrow("the socket was closed");
  await expect(end.ask(1, "idle")).rejects.toThrow("the socket was closed");
});
