import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localLinks } from "../../src/transports/local.js";
import { ringTransport } from "../../src/transports/ring.js";
import type { Link, LinkOptions, Transport } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { conformance, type Ends } from "./conformance.js";

async function connected(transport: Transport, address: string, options: LinkOptions): Promise<Ends> {
  let accept: (link: Link) => void = () => {};
  const accepted = new Promise<Link>((resolve) => {
    accept = resolve;
  });
  const listener = await transport.listen(address, (link) => accept(link), options);
  const client = await transport.connect(address, options);
  return { client, server: await accepted, cleanUp: () => listener.close() };
}

conformance("nothing, within one thread", {
  async connect() {
    const [client, server] = localLinks("test");
    return { client, server, cleanUp() {} };
  },
  payloadBytesMax: 1 << 20,
  takenBytesMax: 1 << 20,
});

let rings = 0;
const RING_BYTES = 1 << 20;

conformance("a ring", {
  connect: () =>
    connected(ringTransport, `conformance-${process.pid}-${++rings}`, { capacityBytes: RING_BYTES } as LinkOptions),
  payloadBytesMax: RING_BYTES / 8 - 8 - 32,
  takenBytesMax: RING_BYTES,
});

conformance("a Unix socket", {
  async connect() {
    const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
    const ends = await connected(unixTransport, join(directory, "link.sock"), { bufferBytesMax: 256 << 10 });
    return {
      ...ends,
      async cleanUp() {
        await ends.cleanUp();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
  payloadBytesMax: 1 << 20,
  takenBytesMax: 4 << 20, // its own buffer, and what the kernel holds
});
