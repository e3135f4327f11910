import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf, send, sendAhead } from "../../src/testing/conformance/recorder.js";
import type { UdpOptions } from "../../src/transports/transport.js";
import { HELLO, UdpBed, until, WELCOME } from "./udp-bed.js";

const GROUP = "239.255.76.13";
const LO: UdpOptions = { interface: "127.0.0.1" };

/** Whether this machine carries multicast over its loopback interface. */
async function hasMulticast(): Promise<boolean> {
  const [listening, sending] = [createSocket({ type: "udp4", reuseAddr: true }), createSocket("udp4")];
  try {
    listening.bind(0, GROUP);
    await once(listening, "listening");
    listening.addMembership(GROUP, "127.0.0.1");
    sending.bind(0);
    await once(sending, "listening");
    sending.setMulticastInterface("127.0.0.1");
    const came = once(listening, "message", { signal: AbortSignal.timeout(500) });
    sending.send("x", listening.address().port, GROUP);
    await came;
    return true;
  } catch {
    return false;
  } finally {
    listening.close();
    sending.close();
  }
}

const isHere = await hasMulticast();
if (!isHere) console.log("skipped: multicast over loopback, which this machine does not carry");

let bed: UdpBed;
beforeEach(() => {
  bed = new UdpBed();
});
afterEach(() => bed.cleanUp());

describe.skipIf(!isHere)("a multicast group", () => {
  test("carries messages of each sender to each listener, long ones in pieces; listeners say nothing", async () => {
    const first = await bed.listen(LO, `${GROUP}:0`);
    const second = new UdpBed();
    bed.atEnd(() => second.cleanUp());
    await second.listen(LO, first.address.replace("udp://", ""));
    const senders = [await bed.connect(first.address, LO), await bed.connect(first.address, LO)];
    for (const [n, { link }] of senders.entries()) {
      expect(send(link, messageOf(10 * (n + 1), 5_000))).toBe("sent");
      expect(send(link, messageOf(10 * (n + 1) + 1, 50))).toBe("sent");
    }
    for (const { accepted } of [bed, second]) {
      await until(() => accepted.reduce((sum, { recorder }) => sum + recorder.numbers.length, 0) === 4);
      expect(accepted.map(({ recorder }) => recorder.numbers).sort()).toEqual([
        [10, 11],
        [20, 21],
      ]);
      for (const { link } of accepted) {
        expect(link.datagrams).toBeUndefined();
        const answers = [send(link, messageOf(1, 10)), send(link, WELCOME), sendAhead(link, WELCOME)];
        expect(answers).toEqual(["notConnected", "notConnected", "notConnected"]);
      }
    }
    expect(first.stats()).toMatchObject({ links: 2, strays: 0 });
  });

  test("takes no garbage, and bounds its senders", async () => {
    const listener = await bed.listen({ ...LO, linksMax: 3 }, `${GROUP}:0`);
    const port = Number(listener.address.split(":").at(-1));
    for (let n = 0; n < 8; n++) {
      const { link } = await bed.connect(listener.address, LO);
      send(link, n === 0 ? HELLO : messageOf(n, 10));
      await until(() => listener.stats().accepted === n + 1);
    }
    expect(listener.stats()).toMatchObject({ links: 3, displaced: 5 });
    const socket = createSocket("udp4");
    bed.atEnd(() => socket.close());
    socket.bind(0);
    await once(socket, "listening");
    socket.setMulticastInterface("127.0.0.1");
    socket.send(new Uint8Array(100), port, GROUP);
    await until(() => listener.stats().strays === 1);
  });
});
