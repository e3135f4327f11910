import type { Random } from "../../../src/actor/random.js";
import { messageBuffer } from "../../../src/protocol/message-buffer.js";
import { messageOf, Recorder } from "../../../src/testing/conformance/recorder.js";
import type { Link, RingLinkOptions } from "../../../src/transports/transport.js";

/** Small enough that both ends are often back-pressured. */
export const SMALL: RingLinkOptions = { capacityBytes: 1 << 14 };
const BURST_MAX = 100;
const PAUSE_MS_MAX = 4;

/** Sends numbered messages for ever, in bursts, and throws where those that come are not 0, 1, 2 and so on, each whole. */
export function flood(link: Link, random: Random): Recorder {
  const recorder = new Recorder();
  let n = 0;
  const burst = (): void => {
    if (recorder.closings > 0) return;
    for (let left = random.int(BURST_MAX); left > 0; left--) {
      const message = messageOf(n, 20 + ((n * 37) % 900));
      const result = link.send(messageBuffer(message), 0, message.byteLength);
      if (result !== "sent") return; // the recorder is told of room, or of the end
      n++;
    }
    if (random.int(2) === 0) setImmediate(burst);
    else setTimeout(burst, random.next() * PAUSE_MS_MAX); // so that the other end falls asleep
  };
  let expected = 0;
  recorder.onMessage = (number) => {
    if (number !== expected++ || recorder.problems.length > 0) {
      throw new Error(`message ${number} came, not ${expected - 1}; ${recorder.problems}`);
    }
  };
  recorder.onReady = burst;
  link.start(recorder);
  burst();
  return recorder;
}
