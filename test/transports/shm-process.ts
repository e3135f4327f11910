// The other process of shm links: see shm.test.ts. It prints a line when it is up, and ends with its standard input.

import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";
import { shmTransport } from "../../src/transports/shm.js";
import type { Link } from "../../src/transports/transport.js";

const [role = "", name = ""] = process.argv.slice(2);

/** Sends every message back, as long as there is room. */
function echo(link: Link): void {
  const kept: Uint8Array[] = [];
  const flush = (): void => {
    for (let next = kept[0]; next !== undefined; next = kept[0]) {
      if (link.send(messageBuffer(next), 0, next.byteLength) !== "sent") return;
      kept.shift();
    }
  };
  link.start({
    message(buffer, offset, byteLength) {
      kept.push(buffer.bytes.slice(offset, offset + byteLength));
      flush();
    },
    ready: flush,
    broken(error) {
      console.log(error.code);
    },
    closed: () => console.log("closed"),
  });
}

/** Sends for ever, as fast as there is room. */
function flood(link: Link): void {
  let n = 0;
  const more = (): void => {
    for (;;) {
      const message = messageOf(n, 20 + (n % 200));
      if (link.send(messageBuffer(message), 0, message.byteLength) !== "sent") return;
      if (++n % 64 === 0) break;
    }
    setImmediate(more);
  };
  link.start({ message() {}, ready: more, broken() {}, closed: () => process.exit(0) });
  more();
}

process.stdin.resume().on("end", () => process.exit(0));
if (role === "listen") await shmTransport.listen(name, echo);
else if (role === "flood") await shmTransport.listen(name, flood);
else echo(await shmTransport.connect(name));
console.log("up");
