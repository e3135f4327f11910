// The other thread of a ring link, as a program: see ring.test.ts.
import { parentPort, workerData } from "node:worker_threads";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { ringTransport } from "../../src/transports/ring.js";
import type { Link, RingLinkOptions } from "../../src/transports/transport.js";

export interface Task {
  /** `echo` connects and sends back what comes; `listen` listens and does the same. */
  readonly role: "echo" | "listen";
  readonly name: string;
  readonly capacityBytes?: number;
}

const { role, name, capacityBytes = 1 << 20 } = workerData as Task;

/** Sends every message back. */
function echo(link: Link): void {
  const kept: Uint8Array[] = [];
  const flush = (): void => {
    while (kept.length > 0) {
      const next = kept[0] as Uint8Array;
      if (link.send(messageBuffer(next), 0, next.byteLength) !== "sent") return;
      kept.shift();
    }
  };
  link.start({
    message(buffer, offset, byteLength) {
      if (kept.length === 0 && link.send(buffer, offset, byteLength) === "sent") return;
      kept.push(buffer.bytes.slice(offset, offset + byteLength));
    },
    ready: flush,
    broken() {},
    closed: () => parentPort?.postMessage("closed"),
  });
}

parentPort?.on("message", () => {}); // stays until it is ended
if (role === "listen") await ringTransport.listen(name, echo);
else echo(await ringTransport.connect(name, { capacityBytes } as RingLinkOptions));
parentPort?.postMessage("up");
