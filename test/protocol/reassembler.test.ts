import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FRAGMENT_HEADER_BYTES, fragmentCount, writeFragment } from "../../src/protocol/fragments.js";
import { allocateBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { Reassembler, type ReassemblyBudget } from "../../src/protocol/reassembler.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";
import { fromHex, readVectors, toHex } from "../vectors.js";

const LIMIT = 10_000;

/** The pieces of message `n`, in order. */
function piecesOf(n: number, payloadBytes: number, pieceBytes: number): Uint8Array[] {
  const message = messageBuffer(messageOf(n, payloadBytes));
  const { byteLength } = message.bytes;
  return Array.from({ length: fragmentCount(byteLength, pieceBytes) }, (_, index) => {
    const to = allocateBuffer(FRAGMENT_HEADER_BYTES + pieceBytes);
    return to.bytes.slice(0, writeFragment(message, 0, byteLength, pieceBytes, index, to, 0));
  });
}

/** A reassembler whose clock stands until it is moved, and what it said. */
class Bench {
  nowMs = 1_000;
  readonly lost: { source: number; sequence: number; why: string }[] = [];
  readonly reassembler: Reassembler;

  constructor(payloadBytesMax = LIMIT, budget?: ReassemblyBudget) {
    const onGivenUp = (source: number, sequence: number, why: string) => this.lost.push({ source, sequence, why });
    this.reassembler = new Reassembler({ payloadBytesMax, now: () => this.nowMs, onGivenUp }, budget);
  }

  take(piece: Uint8Array): string | undefined {
    const whole = this.reassembler.take(messageBuffer(piece), 0, piece.byteLength);
    return whole === undefined ? undefined : toHex(whole.bytes);
  }

  /** @returns the messages that came of these pieces */
  takeAll(pieces: readonly Uint8Array[]): string[] {
    return pieces.map((piece) => this.take(piece)).filter((message) => message !== undefined);
  }

  get sequencesLost(): number[] {
    return this.lost.map(({ sequence }) => sequence);
  }
}

const withPiece = (pieces: readonly Uint8Array[], index: number, change: (piece: Uint8Array) => void): Uint8Array => {
  const piece = (pieces[index] as Uint8Array).slice();
  change(piece);
  return piece;
};

describe("pieces of a message", () => {
  test("give the golden messages, in the order in which they are written down", () => {
    for (const { message, datagrams } of readVectors<{ message: string; datagrams: string[] }>("fragments")) {
      const bench = new Bench(1 << 20);
      expect(bench.takeAll(datagrams.map(fromHex))).toEqual([message]);
      expect(bench.reassembler.heldBytes).toBe(0);
    }
  });

  test("give each message once, in any order, also where they come twice and of several messages", () => {
    const reached = { last: 0, twice: 0, mixed: 0, missing: 0 };
    const sizes = fc.array(fc.nat(3_000), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 40, max: 900 }), fc.infiniteStream(fc.nat(99)), (all, pieceBytes, draws) => {
        const bench = new Bench();
        const draw = (): number => draws.next().value as number;
        const messages = all.map((payloadBytes, n) => piecesOf(n + 1, payloadBytes, pieceBytes));
        const missing = new Set(all.map((_, n) => n).filter(() => draw() < 20));
        const arriving = messages.flatMap((pieces, n) => {
          const kept = missing.has(n) ? pieces.slice(1) : pieces;
          return kept.flatMap((piece) => (draw() < 20 ? [piece, piece] : [piece])).map((piece) => ({ n, piece }));
        });
        const shuffled = arriving.map((each) => ({ ...each, at: draw() })).sort((a, b) => a.at - b.at);
        const came = bench.takeAll(shuffled.map(({ piece }) => piece)).sort();
        const expected = all.flatMap((payloadBytes, n) =>
          missing.has(n) ? [] : [toHex(messageOf(n + 1, payloadBytes))],
        );
        expect(came).toEqual(expected.sort());
        expect(bench.lost).toEqual([]);
        bench.nowMs += 250;
        bench.reassembler.expire();
        const incomplete = [...missing].filter((n) => (messages[n] as Uint8Array[]).length > 1);
        expect(bench.sequencesLost.sort()).toEqual(incomplete.map((n) => n + 1));
        expect([bench.reassembler.heldBytes, bench.reassembler.incompleteCount]).toEqual([0, 0]);
        if (incomplete.length > 0) reached.missing++;
        if (arriving.length > messages.flat().length) reached.twice++;
        if (new Set(shuffled.slice(0, 2).map(({ n }) => n)).size > 1) reached.mixed++;
        const [first] = shuffled;
        const own = first === undefined ? [] : (messages[first.n] as Uint8Array[]);
        if (own.length > 1 && first?.piece === own.at(-1)) reached.last++;
      }),
      { numRuns: 300 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(10);
  });

  test("are given up 250 ms after the first, told with source and sequence, whether others come or not", () => {
    const bench = new Bench();
    const pieces = piecesOf(9, 1_000, 300);
    bench.takeAll(pieces.slice(0, -1));
    expect(bench.reassembler.nextExpiryMs).toBe(1_250);
    bench.nowMs = 1_249;
    bench.reassembler.expire();
    expect(bench.lost).toEqual([]);
    bench.nowMs = 1_250;
    bench.reassembler.expire();
    expect(bench.lost).toEqual([{ source: 1, sequence: 9, why: "3 of 4 pieces came within 250 ms" }]);
    expect(bench.reassembler.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
    expect(bench.takeAll(pieces), "what is sent again then passes").toHaveLength(1);
  });

  test("that come again after their message is complete begin nothing", () => {
    const bench = new Bench();
    const pieces = piecesOf(9, 1_000, 300);
    expect(bench.takeAll([...pieces, ...pieces])).toHaveLength(1);
    expect(bench.reassembler.incompleteCount).toBe(0);
    bench.nowMs += 250;
    expect(bench.takeAll(pieces), "what is sent again later passes").toHaveLength(1);
    expect(bench.lost).toEqual([]);
  });

  test("of unsequenced messages are told apart by nothing: the next message passes all the same", () => {
    const bench = new Bench();
    expect(bench.takeAll([...piecesOf(0, 1_000, 300), ...piecesOf(0, 800, 300)])).toHaveLength(2);
  });

  const pieces = piecesOf(5, 1_000, 300); // 4 pieces, 132 bytes in the last
  const view = (piece: Uint8Array): DataView => messageBuffer(piece).view;
  test.each<[string, Uint8Array]>([
    ["in their count", withPiece(pieces, 2, (piece) => view(piece).setUint16(10, 9, true))],
    ["in their length", piecesOf(5, 1_000, 301)[2] as Uint8Array],
    ["in their bytes", withPiece(pieces, 1, (piece) => piece.fill(0xee, 40))],
  ])("that contradict each other %s discard their message, and the rest of it begins nothing", (_, wrong) => {
    const bench = new Bench();
    bench.takeAll(pieces.slice(0, 2));
    expect(bench.take(wrong)).toBeUndefined();
    expect(bench.sequencesLost).toEqual([5]);
    expect(bench.lost[0]?.why).toContain("contradict");
    expect(bench.takeAll(pieces)).toEqual([]);
    expect([bench.lost.length, bench.reassembler.heldBytes, bench.reassembler.incompleteCount]).toEqual([1, 0, 0]);
  });

  test("whose last is longer than the others contradict each other, whichever comes first", () => {
    const others = piecesOf(5, 1_000, 300);
    const long = piecesOf(5, 1_000, 500).at(-1) as Uint8Array; // 32 bytes too few to be the last of four
    const last = new Uint8Array(FRAGMENT_HEADER_BYTES + 301);
    last.set(long.subarray(0, FRAGMENT_HEADER_BYTES));
    view(last).setUint16(8, 3, true);
    view(last).setUint16(10, 4, true);
    view(last).setUint16(12, 301, true);
    for (const order of [
      [others[0], last],
      [last, others[0]],
    ] as Uint8Array[][]) {
      const bench = new Bench();
      bench.takeAll(order);
      expect(bench.lost.map(({ why }) => why)).toEqual(["pieces contradict each other in their length"]);
    }
  });

  test("that make another message than they say are discarded", () => {
    const bench = new Bench();
    const lying = pieces.map((piece) => {
      const copy = piece.slice();
      view(copy).setUint16(6, 77, true); // another source than the message's own
      return copy;
    });
    expect(bench.takeAll(lying)).toEqual([]);
    expect(bench.lost).toMatchObject([{ source: 77, sequence: 5 }]);
    expect(bench.reassembler.heldBytes).toBe(0);
  });

  test("of a message over the limit are refused before there is memory for it", () => {
    const bench = new Bench(500);
    expect(bench.takeAll(piecesOf(3, 1_000, 300))).toEqual([]);
    expect(bench.lost).toMatchObject([{ sequence: 3, why: "it passes the size limit" }]);
    const exact = new Bench(1_000);
    expect(exact.takeAll(piecesOf(3, 1_000, 300))).toHaveLength(1);
  });

  test("one of 65,535 does not make its receiver hold more than the limit", () => {
    const bench = new Bench();
    const tiny = piecesOf(3, 100, 50)[0] as Uint8Array;
    view(tiny).setUint16(10, 65_535, true);
    bench.take(tiny);
    expect([bench.reassembler.heldBytes, bench.lost.length]).toEqual([0, 1]);
  });

  test("of more than eight messages at once: the oldest is given up", () => {
    const bench = new Bench();
    for (let n = 1; n <= 10; n++) bench.take(piecesOf(n, 500, 100)[0] as Uint8Array);
    expect(bench.reassembler.incompleteCount).toBe(8);
    expect(bench.sequencesLost).toEqual([1, 2]);
  });

  test("hold at most twice the limit, whatever comes", () => {
    let full = 0;
    const pieceOf = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(LIMIT), fc.integer({ min: 40, max: 5_000 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(pieceOf, fc.nat()), { maxLength: 60, size: "max" }), (arriving) => {
        const bench = new Bench();
        for (const [[n, payloadBytes, pieceBytes], index] of arriving) {
          const all = piecesOf(n, payloadBytes, pieceBytes);
          bench.take(all[index % all.length] as Uint8Array);
          bench.nowMs += 3;
          expect(bench.reassembler.heldBytes).toBeLessThanOrEqual(2 * (LIMIT + 32));
          expect(bench.reassembler.incompleteCount).toBeLessThanOrEqual(8);
        }
        if (bench.lost.some(({ why }) => why === "too many messages were incomplete at once")) full++;
        bench.reassembler.clear();
        expect([bench.reassembler.heldBytes, bench.reassembler.incompleteCount]).toEqual([0, 0]);
      }),
    );
    expect(full).toBeGreaterThan(10);
  });

  test("share their memory where their senders may not be real, and give it back", () => {
    const budget = { bytesLeft: 1_500 };
    const [one, other] = [new Bench(LIMIT, budget), new Bench(LIMIT, budget)];
    one.take(pieces[0] as Uint8Array);
    expect(budget.bytesLeft).toBe(300);
    other.takeAll(pieces);
    expect(other.lost).toMatchObject([{ sequence: 5, why: "there is no memory for it" }]);
    expect(one.takeAll(pieces.slice(1))).toHaveLength(1);
    expect(budget.bytesLeft).toBe(1_500);
    other.reassembler.budget = undefined;
    expect(other.takeAll(piecesOf(6, 9_000, 300))).toHaveLength(1);
    expect(budget.bytesLeft).toBe(1_500);
  });
});
