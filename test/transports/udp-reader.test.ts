import fc from "fast-check";
import { expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";
import { DatagramReader } from "../../src/transports/udp-reader.js";
import { enveloped, goodbye, HELLO } from "./udp-bed.js";

const samples = [HELLO, goodbye(), messageOf(1, 40), enveloped(3, messageOf(2, 40)), enveloped(5), messageOf(3, 0)];

/** Any bytes, and what is nearly right: cut, joined, or with a byte that was changed. */
const datagrams = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(...samples),
    fc.tuple(fc.constantFrom(...samples), fc.nat(80)).map(([bytes, end]) => bytes.subarray(0, end)),
    fc
      .tuple(fc.constantFrom(...samples), fc.constantFrom(...samples))
      .map((pair) => Uint8Array.from(Buffer.concat(pair))),
    fc.tuple(fc.constantFrom(...samples), fc.nat(60), fc.nat(255)).map(([bytes, at, value]) => {
      const changed = bytes.slice();
      if (at < changed.byteLength) changed[at] = value;
      return changed;
    }),
  ),
  { maxLength: 40, size: "max" },
);

test("any datagrams are taken, or counted as what they are, and what is right behind them passes", () => {
  const reached = { malformed: 0, refused: 0, duplicates: 0, messages: 0 };
  fc.assert(
    fc.property(datagrams, fc.boolean(), (all, isEnveloped) => {
      const handed: number[] = [];
      const reader = new DatagramReader({
        payloadBytesMax: 1 << 20,
        now: () => 0,
        plainType: 90,
        onMessage: (_buffer, _offset, byteLength) => handed.push(byteLength) > 0,
        onLost: () => {},
      });
      if (isEnveloped) reader.beginEnvelopes();
      for (const datagram of all) reader.take(messageBuffer(datagram.slice()));
      const { counts } = reader;
      expect(counts.datagrams).toBe(all.length);
      expect(handed.length).toBe(counts.messages);
      for (const name of ["malformed", "refused", "duplicates", "messages"] as const) reached[name] += counts[name];
      const before = handed.length;
      reader.take(messageBuffer(isEnveloped ? enveloped(2 ** 48 - 1, messageOf(7, 9)) : messageOf(7, 9)));
      expect(handed.length).toBe(before + 1);
    }),
    { numRuns: 300 },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(50);
});
