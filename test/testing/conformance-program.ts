// The conformance suite under node:test: see transport-conformance.test.ts. An argument is a fault of memory://.
import { describe, test } from "node:test";
import { transportConformance } from "../../src/testing/transport-conformance.js";
import { ringTransport } from "../../src/transports/ring.js";
import type { RingLinkOptions } from "../../src/transports/transport.js";
import { type Fault, memoryTransport } from "./memory-transport.js";

const fault = process.argv[2] as Fault | undefined;
let addresses = 0;
const address = (): string => `name-${++addresses}`;
const options: RingLinkOptions = { capacityBytes: 1 << 20 };

if (fault === undefined) {
  const make = () => ({ transport: ringTransport, address, options, takenBytesMax: 1 << 20 });
  transportConformance("ring://", make, { describe, test });
} else {
  const make = () => ({ transport: memoryTransport(fault), address, takenBytesMax: 128 << 10 });
  transportConformance("memory://", make, { test, timeoutMs: 1_000 });
}
