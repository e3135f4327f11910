import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { linkConformance, transportConformance } from "../../src/testing/transport-conformance.js";
import { HelloTLV } from "../../src/tlvs/session-control.js";
import { LOCAL_GUARANTEES, localLinks } from "../../src/transports/local.js";
import { ringTransport } from "../../src/transports/ring.js";
import { shmTransport } from "../../src/transports/shm.js";
import { tcpTransport } from "../../src/transports/tcp.js";
import type { Link, RingLinkOptions } from "../../src/transports/transport.js";
import { udpTransport } from "../../src/transports/udp.js";
import { unixTransport } from "../../src/transports/unix.js";
import { hasNative } from "../shm/processes.js";

const runner = { describe, test };

linkConformance(
  "links by a call, within one thread",
  () => ({
    async open() {
      const [client, server] = localLinks("test");
      return { client, server };
    },
    guarantees: LOCAL_GUARANTEES,
    payloadBytesMax: 1 << 20,
    takenBytesMax: 1 << 20,
  }),
  runner,
);

let rings = 0;
const RING_BYTES = 1 << 20;
const ringOptions: RingLinkOptions = { capacityBytes: RING_BYTES };

transportConformance(
  "ring://",
  () => ({
    transport: ringTransport,
    address: () => `conformance-${process.pid}-${++rings}`,
    badAddresses: ["a b", "a/b", "x".repeat(65), "ü"],
    options: ringOptions,
    payloadBytesMax: RING_BYTES / 8 - 8 - 32,
    takenBytesMax: RING_BYTES,
  }),
  runner,
);

transportConformance(
  "unix://",
  () => {
    const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
    let sockets = 0;
    return {
      transport: unixTransport,
      address: () => join(directory, `${++sockets}.sock`),
      badAddresses: ["relative.sock", `/${"x".repeat(107)}`, "/tmp/a\0b"],
      options: { bufferBytesMax: 256 << 10 },
      payloadBytesMax: 1 << 20,
      takenBytesMax: 4 << 20, // its own buffer, and what the kernel holds
      cleanUp: () => rmSync(directory, { recursive: true, force: true }),
    };
  },
  runner,
);

/** A port that nobody has: the system chose it for a listener that is gone. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

transportConformance(
  "tcp://",
  async () => {
    const ports = await freePorts(3);
    return {
      transport: tcpTransport,
      address: () => `127.0.0.1:${ports.shift()}`,
      badAddresses: ["127.0.0.1", "127.0.0.1:65536", "[::1:1", "a b:1", "1.2.3:4", ":1"],
      options: { bufferBytesMax: 256 << 10 },
      payloadBytesMax: 1 << 20,
      takenBytesMax: 16 << 20, // its own buffer, and what the kernel holds
    };
  },
  runner,
);

const hello = new TLVBuilder({ domain: RelayDomain.System, source: 1 })
  .add(HelloTLV, {
    protocolVersion: 1,
    role: 3,
    compressionMask: 1,
    cipherMask: 1,
    sessionNonce: new Uint8Array(16),
    keyId: 0,
    name: "",
    token: new Uint8Array(0),
  })
  .build();

/** The ends of a session do this: the Hello makes the link, and then both speak in envelopes. */
function beginSession(link: Link, side: "client" | "server"): void {
  if (side === "client") link.send(messageBuffer(hello), 0, hello.byteLength);
  link.datagrams?.beginEnvelopes();
  link.datagrams?.confirmPeer();
}

let ports = 0;

transportConformance(
  "udp://",
  () => ({
    transport: udpTransport,
    address: () => `127.0.0.1:${20_000 + ((process.pid * 61 + ++ports) % 10_000)}`,
    badAddresses: ["127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "256.0.0.1:1", "[::1:1", "a b:1", ":1"],
    options: { payloadBytesMax: 256 << 10, bufferBytesMax: 256 << 10 },
    payloadBytesMax: 256 << 10,
    takenBytesMax: 2 << 20,
    prepare: beginSession,
  }),
  runner,
);

// Without the native addon one line of test/shm says so.
if (hasNative)
  transportConformance(
    "shm://",
    () => ({
      transport: shmTransport,
      address: () => `conformance-${process.pid}-${++rings}`,
      badAddresses: ["a b", "a/b", "..", "x".repeat(65), "ü"],
      options: ringOptions,
      payloadBytesMax: RING_BYTES / 8 - 8 - 32,
      takenBytesMax: RING_BYTES,
    }),
    runner,
  );
