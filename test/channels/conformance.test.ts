import { describe, test } from "vitest";
import { transportConformance } from "../../src/testing/transport-conformance.js";
import { localLinks } from "../../src/transports/local.js";
import { type Carrier, channelTransport, unixCarrier } from "./channel-transport.js";

const runner = { describe, test };
const BUFFER_BYTES = 64 << 10;

function under(carrier: Carrier) {
  let names = 0;
  return {
    transport: channelTransport(carrier, { windowBytes: BUFFER_BYTES, bufferBytesMax: BUFFER_BYTES, channelsMax: 200 }),
    address: () => `name-${++names}`,
    badAddresses: ["A B"],
    payloadBytesMax: 1 << 20,
    takenBytesMax: 4 * BUFFER_BYTES,
    cleanUp: () => carrier.cleanUp(),
  };
}

transportConformance("channels over a Unix socket", async () => under(await unixCarrier()), runner);

transportConformance(
  "channels over a Unix socket that is full most of the time",
  async () => under(await unixCarrier({ bufferBytesMax: 8 << 10 })),
  runner,
);

transportConformance(
  "channels within one thread",
  () => {
    const [near, far] = localLinks("test");
    return under({ near, far, cleanUp: async () => near.destroy() });
  },
  runner,
);
