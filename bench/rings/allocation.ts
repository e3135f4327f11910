import type { Subject } from "alphapulse/bench";
import {
  allocateRing,
  BroadcastProducer,
  BroadcastReader,
  MpscConsumer,
  MpscProducer,
  SpscConsumer,
  SpscProducer,
} from "../../src/rings.js";
import type { BenchContext } from "../harness.js";
import { allocateMessage } from "./ends/message.js";
import { MESSAGE_BYTES } from "./link.js";

const CAPACITY = { capacityBytes: 1 << 16 };

interface Producer {
  offer(source: ReturnType<typeof allocateMessage>, offset: number, byteLength: number): string;
}
interface Consumer {
  poll(handler: (buffer: { readonly view: DataView }, offset: number) => void, limit: number): number;
}

/** What one message costs in bytes, and in time where nobody has to wait: offered and polled by one thread. */
export async function compareAllocation(context: BenchContext): Promise<void> {
  const spsc = allocateRing("spsc", CAPACITY);
  const mpsc = allocateRing("mpsc", CAPACITY);
  const broadcast = allocateRing("broadcast", CAPACITY);
  const sender = new BroadcastProducer(broadcast);
  const reader = new BroadcastReader(broadcast, { lost: () => {} });
  await context.compare({
    name: "offer and poll a message in one thread",
    subjects: {
      "alphapulse: SPSC": offerAndPoll(new SpscProducer(spsc), new SpscConsumer(spsc)),
      "alphapulse: MPSC": offerAndPoll(new MpscProducer(mpsc), new MpscConsumer(mpsc)),
      "alphapulse: broadcast": offerAndPoll(sender, reader),
    },
    allocation: true,
  });
}

function offerAndPoll(producer: Producer, consumer: Consumer): Subject {
  const message = allocateMessage();
  let last = -1;
  const handle = (buffer: { readonly view: DataView }, offset: number): void => {
    last = buffer.view.getInt32(offset, true);
  };
  return (i) => {
    message.view.setInt32(0, i, true);
    if (producer.offer(message, 0, MESSAGE_BYTES) !== "sent") throw new Error("a ring without room");
    consumer.poll(handle, 1);
    if (last !== (i | 0)) throw new Error(`message ${i} is ${last}`);
    return last;
  };
}
