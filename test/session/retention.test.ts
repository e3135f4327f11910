import fc from "fast-check";
import { expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { sequenceOf } from "../../src/protocol/header.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { Retention } from "../../src/session/retention.js";

const builder = new TLVBuilder({ domain: 1, source: 7 });
const messageOf = (sequence: number, valueBytes: number) =>
  messageBuffer(builder.addRaw(200, new Uint8Array(valueBytes)).build({ sequence }));

test("random sends, confirmations and cuts: a relay that drops what it has gets each message once, in order", () => {
  const reached = { resent: 0, confirmed: 0, refused: 0, large: 0, steppedBack: 0 };
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          {
            weight: 6,
            arbitrary: fc.record({ do: fc.constant("publish" as const), bytes: fc.integer({ min: 0, max: 9_000 }) }),
          },
          { weight: 1, arbitrary: fc.record({ do: fc.constant("publish" as const), bytes: fc.constant(60_000) }) },
          {
            weight: 4,
            arbitrary: fc.record({ do: fc.constant("send" as const), count: fc.integer({ min: 1, max: 9 }) }),
          },
          {
            weight: 3,
            arbitrary: fc.record({
              do: fc.constant("confirm" as const),
              share: fc.double({ min: 0, max: 1, noNaN: true }),
            }),
          },
          { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
        ),
        { maxLength: 120, size: "max" },
      ),
      (steps) => {
        const retention = new Retention(150_000);
        const taken: number[] = [];
        /** Position behind each message that was sent over the present link. */
        let sentTo: number[] = [];
        let published = 0;
        const send = (): void => {
          retention.advance();
          const sequence = sequenceOf(retention.buffer.view, retention.offset);
          if (sequence > taken.length) taken.push(sequence);
          else reached.resent++;
          sentTo.push(retention.sentPosition);
        };
        for (const step of steps) {
          if (step.do === "publish") {
            const message = messageOf(published + 1, step.bytes);
            if (!retention.hasRoomFor(message.bytes.byteLength)) {
              reached.refused++;
              continue;
            }
            if (step.bytes === 60_000) reached.large++;
            retention.append(message, 0, message.bytes.byteLength);
            published++;
          } else if (step.do === "send") {
            for (let n = 0; n < step.count && retention.peek(); n++) {
              if (n === 3) {
                const { byteLength } = retention;
                retention.advance();
                retention.stepBack(byteLength);
                reached.steppedBack++;
                break;
              }
              send();
            }
          } else if (step.do === "confirm") {
            const position = sentTo[Math.floor(step.share * (sentTo.length - 1))];
            if (position === undefined) continue;
            retention.confirm(position);
            sentTo = sentTo.filter((end) => end > position);
            reached.confirmed++;
          } else {
            retention.rewind();
            sentTo = [];
          }
          expect(retention.bytes).toBeLessThanOrEqual(retention.bytesMax);
          expect(retention.bytes).toBe(retention.unsentBytes + retention.unconfirmedBytes);
        }
        retention.rewind();
        while (retention.peek()) send();
        expect(taken).toEqual(Array.from({ length: published }, (_, n) => n + 1));
        retention.confirm(retention.tailPosition);
        expect([retention.count, retention.bytes, retention.unsentCount]).toEqual([0, 0, 0]);
      },
    ),
    { numRuns: 200 },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(20);
});
