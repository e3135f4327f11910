import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { linkConformance, transportConformance } from "../../src/testing/transport-conformance.js";
import { LOCAL_GUARANTEES, localLinks } from "../../src/transports/local.js";
import { ringTransport } from "../../src/transports/ring.js";
import { shmTransport } from "../../src/transports/shm.js";
import type { RingLinkOptions } from "../../src/transports/transport.js";
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
