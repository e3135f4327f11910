// The other process of links of datagrams: see udp-process.test.ts. It sends so many messages at a rate, and then ends.

import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";
import type { UdpOptions } from "../../src/transports/transport.js";
import { udpTransport } from "../../src/transports/udp.js";

const [address = "", hello = "", count = "0", perSecond = "0"] = process.argv.slice(2);
const options: UdpOptions = { bufferBytesMax: 4 << 20 };
const link = await udpTransport.connect(address, options);
let isReady = true;
link.start({
  message() {},
  ready() {
    isReady = true;
  },
  broken() {},
  closed() {},
});
const bytes = Buffer.from(hello, "hex");
link.send(messageBuffer(bytes), 0, bytes.byteLength);
link.datagrams?.beginEnvelopes();

const startedAt = performance.now();
const messages = Array.from({ length: 256 }, (_, n) => messageBuffer(messageOf(n, 42)));
let sent = 0;
while (sent < Number(count)) {
  const due = Math.min(Number(count), Math.ceil(((performance.now() - startedAt) * Number(perSecond)) / 1_000));
  while (sent < due && isReady) {
    const message = messages[sent % 256] as (typeof messages)[0];
    message.view.setUint32(8, sent, true);
    if (link.send(message, 0, message.bytes.byteLength) === "sent") sent++;
    else isReady = false;
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
const tookMs = performance.now() - startedAt;
await link.close();
console.log(JSON.stringify({ sent, tookMs: Math.round(tookMs) }));
