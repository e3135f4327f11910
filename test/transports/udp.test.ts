import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { messageOf, send, sendAhead } from "../../src/testing/conformance/recorder.js";
import type { UdpOptions } from "../../src/transports/transport.js";
import { udpTransport } from "../../src/transports/udp.js";
import { enveloped, goodbye, HELLO, OTHER_HELLO, OTHER_WELCOME, UdpBed, until, WELCOME } from "./udp-bed.js";

let bed: UdpBed;
beforeEach(() => {
  bed = new UdpBed();
});
afterEach(() => bed.cleanUp());

const GARBAGE = new Uint8Array(200).fill(0xee);

describe("a listener of datagrams", () => {
  test("makes no link for what is no message, and counts it", async () => {
    const listener = await bed.listen();
    const client = await bed.raw();
    const cut = messageOf(1, 300).subarray(0, 200);
    const strays = [GARBAGE, new Uint8Array(0), cut, enveloped(0, messageOf(1, 10))];
    for (const stray of strays) await client.send(stray, listener.address);
    await until(() => listener.stats().strays === strays.length);
    expect(listener.stats()).toMatchObject({ links: 0, accepted: 0 });
    await client.send(messageOf(1, 10), listener.address);
    const { recorder } = await bed.next(1);
    await until(() => recorder.numbers.length === 1);
  });

  test("says nothing to an address that has not shown that it is real but one Welcome for each datagram", async () => {
    const listener = await bed.listen();
    const client = await bed.raw();
    await client.send(HELLO, listener.address);
    const { link, recorder } = await bed.next(1);
    expect(send(link, messageOf(1, 10))).toBe("notConnected");
    expect(sendAhead(link, goodbye())).toBe("notConnected");
    expect([sendAhead(link, WELCOME), sendAhead(link, WELCOME), send(link, WELCOME)]).toEqual([
      "sent",
      "notConnected",
      "notConnected",
    ]);
    await client.send(HELLO, listener.address);
    await until(() => recorder.controls.length === 2);
    expect(send(link, WELCOME)).toBe("sent");
    await until(() => client.came.length === 2);
    expect(client.came.map((datagram) => datagram.equals(WELCOME))).toEqual([true, true]);
    link.datagrams?.confirmPeer();
    expect(send(link, messageOf(1, 10))).toBe("sent");
    await until(() => client.came.length === 3);
  });

  test("sends no more datagrams than came, whatever it is told to answer with", async () => {
    const answers = [WELCOME, goodbye(1_000), messageOf(3, 1_000)];
    const listener = await bed.listen({}, "127.0.0.1:0", (link) => {
      const answer = (): void => {
        for (const message of answers) {
          send(link, message);
          sendAhead(link, message);
        }
      };
      link.start({ message: answer, idle: answer, lost: answer, broken: answer, closed: answer });
    });
    const client = await bed.raw();
    const datagrams = [HELLO, GARBAGE, messageOf(1, 10), HELLO, messageOf(2, 900)];
    for (let n = 0; n < 50; n++) await client.send(datagrams[n % datagrams.length] as Uint8Array, listener.address);
    const last = await bed.raw();
    await last.send(HELLO, listener.address);
    await until(() => last.came.length === 1); // all before it was answered too
    expect(client.came.length).toBeLessThanOrEqual(50);
    expect(client.came.length).toBeGreaterThan(10);
    expect(client.came.every((datagram) => datagram.equals(WELCOME))).toBe(true);
  });

  test("stays bounded under a flood of addresses, and keeps those that are real", async () => {
    const linksMax = 20;
    const listener = await bed.listen({ linksMax });
    const real = await bed.connect(listener.address);
    send(real.link, HELLO);
    const first = await bed.next(1);
    first.link.datagrams?.confirmPeer();
    for (let n = 0; n < 60; n++) {
      const spoofed = await bed.raw();
      await spoofed.send(HELLO, listener.address);
      await until(() => listener.stats().accepted === n + 2);
      expect(listener.stats().links).toBeLessThanOrEqual(linksMax);
    }
    expect(listener.stats()).toMatchObject({ links: linksMax, confirmed: 1, accepted: 61, displaced: 41, refused: 0 });
    expect(bed.accepted.filter(({ recorder }) => recorder.closings > 0)).toHaveLength(41);
    send(real.link, messageOf(9, 10));
    await until(() => first.recorder.numbers.includes(9));
    for (const { link } of bed.accepted) link.datagrams?.confirmPeer();
    const late = await bed.raw();
    await late.send(HELLO, listener.address);
    await until(() => listener.stats().refused === 1);
    expect(listener.stats().links).toBe(linksMax);
  });

  test("gives one host so many places and no more, and leaves the others to others", async () => {
    const listener = await bed.listen({ linksPerPeerMax: 2, insecure: true }, "0.0.0.0:0");
    const [first, second, third] = [await bed.raw(), await bed.raw(), await bed.raw()];
    await first.send(HELLO, listener.address);
    const { link, recorder } = await bed.next(1);
    link.datagrams?.confirmPeer();
    await second.send(HELLO, listener.address);
    const { recorder: unconfirmed } = await bed.next(2);
    await third.send(HELLO, listener.address); // in place of the one that is not known to be real
    const { link: real } = await bed.next(3);
    expect([recorder.closings, unconfirmed.closings]).toEqual([0, 1]);
    expect(listener.stats()).toMatchObject({ links: 2, confirmed: 1, displaced: 1, refused: 0 });
    real.datagrams?.confirmPeer();
    await second.send(HELLO, listener.address);
    await until(() => listener.stats().refused === 1);
    const elsewhere = await bed.raw("127.0.0.2");
    await elsewhere.send(HELLO, listener.address);
    await bed.next(4);
    expect(listener.stats()).toMatchObject({ links: 3, confirmed: 2, displaced: 1, refused: 1 });
    link.destroy(); // its place is free again
    await second.send(HELLO, listener.address);
    await bed.next(5);
    expect(listener.stats()).toMatchObject({ links: 3, confirmed: 1, displaced: 1, refused: 1 });
  });

  test("makes a new link for each datagram of an address whose links are refused as they arrive", async () => {
    let arrivals = 0;
    const listener = await bed.listen({}, "127.0.0.1:0", (link) => {
      arrivals++;
      link.destroy();
    });
    const client = await bed.raw();
    for (let n = 1; n <= 5; n++) {
      await client.send(HELLO, listener.address);
      await until(() => arrivals === n);
    }
    expect(listener.stats()).toMatchObject({ links: 0, confirmed: 0, accepted: 5 });
  });

  test("is the same object where a signal may close it: it counts, and knows its buffers", async () => {
    const closing = new AbortController();
    const listener = await bed.listen({ signal: closing.signal });
    expect(listener.stats()).toMatchObject({ links: 0 });
    expect(listener.socketBuffers.receiveBytes).toBeGreaterThan(0);
    closing.abort();
    const address = listener.address.replace("udp://", "");
    await bed.listen({}, address);
  });

  test("lets a silent link go, and makes a new one when it speaks again", async () => {
    const listener = await bed.listen({ idleMs: 40 });
    const client = await bed.raw();
    await client.send(HELLO, listener.address);
    const { recorder } = await bed.next(1);
    await until(() => recorder.closings === 1);
    expect(recorder.error).toBeUndefined();
    expect(listener.stats()).toMatchObject({ links: 0, idled: 1 });
    await client.send(HELLO, listener.address);
    await bed.next(2);
  });

  test("closed frees its port once its last link has ended", async () => {
    const listener = await bed.listen();
    const client = await bed.raw();
    await client.send(HELLO, listener.address);
    const { link } = await bed.next(1);
    await listener.close();
    const address = listener.address.replace("udp://", "");
    await expect(bed.listen({}, address)).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
    link.destroy();
    await bed.listen({}, address);
  });
});

describe("a link of datagrams", () => {
  test("is told of garbage as lost, counts it, and goes on", async () => {
    const listener = await bed.listen();
    const client = await bed.raw();
    await client.send(messageOf(1, 10), listener.address);
    const { link, recorder } = await bed.next(1);
    const twoOneCut = Buffer.concat([messageOf(2, 10), messageOf(3, 10).subarray(0, 40)]);
    for (const datagram of [GARBAGE, twoOneCut, messageOf(4, 10)]) await client.send(datagram, listener.address);
    await until(() => recorder.numbers.includes(4));
    expect(recorder.numbers, "a datagram is taken whole or not at all").toEqual([1, 4]);
    expect(link.counts).toMatchObject({ datagrams: 4, messages: 2, malformed: 2, lost: 2 });
    expect(recorder.losses.map(({ why }) => why)).toEqual([
      expect.stringContaining("malformed"),
      expect.stringContaining("malformed"),
    ]);
    expect([recorder.closings, recorder.problems]).toEqual([0, []]);
  });

  test("takes data only in envelopes once these have begun, but a Hello again, and each envelope once", async () => {
    const listener = await bed.listen();
    const client = await bed.raw();
    await client.send(HELLO, listener.address);
    const { link, recorder } = await bed.next(1);
    link.datagrams?.beginEnvelopes();
    const datagrams = [
      messageOf(1, 10),
      goodbye(),
      WELCOME,
      Buffer.concat([HELLO, messageOf(1, 10)]),
      OTHER_HELLO,
      HELLO,
      enveloped(0, messageOf(2, 10), messageOf(3, 10)),
      enveloped(0, messageOf(4, 10)),
      enveloped(1, messageOf(5, 10)),
    ];
    for (const datagram of datagrams) await client.send(datagram, listener.address);
    await until(() => recorder.numbers.includes(5));
    expect([recorder.controls, recorder.numbers]).toEqual([
      [90, 90],
      [2, 3, 5],
    ]);
    expect(link.counts).toMatchObject({ refused: 5, duplicates: 1, malformed: 0, lost: 0 });
  });

  test("tells of an envelope whose content is no message, although its counter came", async () => {
    const listener = await bed.listen();
    const client = await bed.raw();
    await client.send(HELLO, listener.address);
    const { link, recorder } = await bed.next(1);
    link.datagrams?.beginEnvelopes();
    for (const datagram of [enveloped(0, GARBAGE), GARBAGE, enveloped(1, messageOf(1, 10))]) {
      await client.send(datagram, listener.address);
    }
    await until(() => recorder.numbers.includes(1));
    expect(link.counts).toMatchObject({ malformed: 2, lost: 1 });
    expect(recorder.lostCount).toBe(1);
  });

  test("at the client drops what comes in envelopes before the Welcome, tells it once that has come, and takes the Welcome again", async () => {
    const server = await bed.raw();
    const { link, recorder } = await bed.connect(server.address);
    send(link, HELLO);
    await until(() => server.came.length === 1);
    await server.answer(enveloped(0, messageOf(1, 10)));
    await until(() => link.counts.refused === 1);
    link.datagrams?.beginEnvelopes();
    for (const datagram of [WELCOME, OTHER_WELCOME, HELLO, enveloped(1, messageOf(2, 10))])
      await server.answer(datagram);
    await until(() => recorder.numbers.includes(2));
    expect([recorder.controls, recorder.numbers]).toEqual([[91], [2]]);
    expect(link.counts).toMatchObject({ refused: 3 });
    await until(() => recorder.lostCount === 1);
  });

  test("sends Hello and Welcome outside of envelopes always, and all else within", async () => {
    const server = await bed.raw();
    const { link } = await bed.connect(server.address);
    const ahead = goodbye();
    link.datagrams?.beginEnvelopes();
    expect([send(link, HELLO), send(link, messageOf(1, 10)), sendAhead(link, ahead)]).toEqual(["sent", "sent", "sent"]);
    await until(() => server.came.length === 3);
    const [first, second, third] = server.came as [Buffer, Buffer, Buffer];
    expect(first.equals(HELLO)).toBe(true);
    expect(second.equals(enveloped(0, ahead)), "what goes ahead was not waited for").toBe(true);
    expect(third.equals(enveloped(1, messageOf(1, 10)))).toBe(true);
  });

  test("sends what was sent before the envelopes began outside of them, also in the same turn", async () => {
    const server = await bed.raw();
    const { link } = await bed.connect(server.address);
    send(link, messageOf(1, 10));
    link.datagrams?.beginEnvelopes();
    send(link, messageOf(2, 10));
    await until(() => server.came.length === 2);
    expect(server.came[0]?.equals(messageOf(1, 10))).toBe(true);
    expect(server.came[1]?.equals(enveloped(0, messageOf(2, 10)))).toBe(true);
  });

  test("puts what is sent in one turn into few datagrams, and lets a lone message leave at once", async () => {
    const server = await bed.raw();
    const { link } = await bed.connect(server.address);
    for (let n = 0; n < 100; n++) send(link, messageOf(n, 42)); // 74 bytes
    await until(() => link.pendingBytes === 0);
    await until(() => server.came.reduce((sum, { byteLength }) => sum + byteLength, 0) === 7_400);
    expect(server.came).toHaveLength(Math.ceil(100 / 18));
    expect(Math.max(...server.came.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(1_400);
    send(link, messageOf(1, 42));
    await until(() => server.came.length === 7);
  });

  test("never sends session control in pieces", async () => {
    const server = await bed.raw();
    const { link } = await bed.connect(server.address);
    expect([send(link, goodbye(1_500)), sendAhead(link, goodbye(1_500))]).toEqual(["tooLarge", "tooLarge"]);
    expect(send(link, messageOf(1, 1_500))).toBe("sent");
    await until(() => server.came.length === 2);
  });

  test("pushes back when more waits than may, and says when there is room", async () => {
    const server = await bed.raw();
    const options = { rateBytesPerSecond: 1_000_000, burstBytes: 1_400, bufferBytesMax: 20_000 };
    const { link, recorder } = await bed.connect(server.address, options);
    let sent = 0;
    while (send(link, messageOf(sent, 1_000)) === "sent") sent++;
    expect(link.pendingBytes).toBeLessThanOrEqual(20_000);
    expect(sent).toBeGreaterThan(15);
    const ahead = goodbye();
    expect(sendAhead(link, ahead), "what goes ahead has its own room").toBe("sent");
    await until(() => server.came.some((datagram) => datagram.equals(ahead)));
    expect(server.came.length).toBeLessThan(8);
    expect(recorder.readies).toBe(0);
    await until(() => recorder.readies === 1);
    expect(link.pendingBytes).toBeLessThanOrEqual(10_000);
    await link.close();
    await until(() => server.came.length === sent + 1);
  });

  test("paused keeps a bounded amount of what comes, and tells what it could not keep", async () => {
    const [client, server] = await bed.session({ bufferBytesMax: 10_000 });
    server.link.pause();
    for (let n = 1; n <= 20; n++) {
      send(client.link, messageOf(n, 1_000));
      await until(() => client.link.pendingBytes === 0);
    }
    await until(() => server.recorder.lostCount > 0);
    const keptCount = 20 - server.recorder.lostCount;
    server.link.resume();
    await until(() => server.recorder.numbers.length >= keptCount);
    expect(keptCount * 1_000).toBeLessThanOrEqual(10_000);
    expect(keptCount).toBeGreaterThan(5);
  });

  test("ends where nobody listens, and says so; later it says that it failed", async () => {
    const gone = await bed.raw();
    const { address } = gone;
    await bed.cleanUp();
    const nobody = await bed.connect(address);
    send(nobody.link, HELLO);
    await until(() => nobody.recorder.closings === 1);
    expect(nobody.recorder.error?.code).toBe("NOT_LISTENING");
    expect(send(nobody.link, HELLO)).toBe("closed");

    const server = await bed.raw();
    const { link, recorder } = await bed.connect(server.address);
    send(link, HELLO);
    await until(() => server.came.length === 1);
    await server.answer(WELCOME);
    await until(() => recorder.controls.length === 1);
    server.close();
    send(link, messageOf(1, 10));
    await until(() => recorder.closings === 1);
    expect(recorder.error?.code).toBe("LINK_FAILED");
  });
});

describe("options of udp://", () => {
  test("say of an interface that is no address that it is none, not that it leaves this machine", async () => {
    const options: UdpOptions = { interface: "lo" };
    await expect(udpTransport.connect("239.1.2.3:7003", options)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  test("leave this machine only where that was asked for", async () => {
    for (const address of ["192.0.2.1:7002", "[2001:db8::1]:7002", "239.1.2.3:7003"]) {
      await expect(udpTransport.connect(address)).rejects.toMatchObject({ code: "INSECURE" });
    }
    for (const address of ["0.0.0.0:0", "[::]:0", "239.1.2.3:0"]) {
      await expect(bed.listen({}, address)).rejects.toMatchObject({ code: "INSECURE" });
    }
    await bed.listen({ insecure: true }, "0.0.0.0:0");
    await bed.connect("192.0.2.1:7002", { insecure: true });
  });

  test("ask for buffers, read what the kernel gave, and warn where that is less", async () => {
    const warnings: string[] = [];
    const onWarning = ({ code }: { code: string }) => warnings.push(code);
    const listener = await bed.listen({ receiveBufferBytes: 100_000, sendBufferBytes: 50_000, onWarning });
    expect(listener.socketBuffers).toEqual({ receiveBytes: 100_000, sendBytes: 50_000 });
    expect(warnings).toEqual([]);
    const { link } = await bed.connect(listener.address, { receiveBufferBytes: 1 << 30, onWarning });
    expect(link.socketBuffers.receiveBytes).toBeGreaterThan(0);
    expect(link.socketBuffers.receiveBytes).toBeLessThan(1 << 30);
    expect(warnings).toEqual(["SOCKET_BUFFER_CUT"]);
  });

  test.each([
    { datagramBytesMax: 255 },
    { datagramBytesMax: 65_508 },
    { rateBytesPerSecond: 0 },
    { rateBytesPerSecond: Number.NaN },
    { burstBytes: 0 },
    { linksMax: 0 },
    { idleMs: 0.5 },
    { ttl: 256 },
    { payloadBytesMax: -1 },
    { receiveBufferBytes: 0 },
    { bufferBytesMax: 0 },
    { linksPerPeerMax: 0 },
    { connectTimeoutMs: -1 },
    { connectTimeoutMs: "x" },
    { insecure: "yes" },
    { loopback: "no" },
    { interface: 5 },
    { interface: "lo" },
    { onWarning: 5 },
    { signal: 5 },
  ] as UdpOptions[])("%j is none", async (options) => {
    await expect(udpTransport.connect("127.0.0.1:7002", options)).rejects.toMatchObject({ code: "BAD_OPTION" });
    await expect(bed.listen(options)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  test("let no message be larger than what the rate lets pass in time for its receiver", async () => {
    const server = await bed.raw();
    const { link } = await bed.connect(server.address, { rateBytesPerSecond: 80_000 });
    expect(link.payloadBytesMax).toBe(10_000);
    expect(send(link, messageOf(1, 10_001))).toBe("tooLarge");
  });

  test("IPv6 works as IPv4 does", async () => {
    const listener = await bed.listen({}, "[::1]:0");
    expect(listener.address).toMatch(/^udp:\/\/\[::1\]:\d+$/);
    const { link } = await bed.connect(listener.address);
    link.send(messageBuffer(HELLO), 0, HELLO.byteLength);
    const { link: other, recorder } = await bed.next(1);
    expect(other.peer).toMatch(/^udp:\/\/\[::1\]:\d+$/);
    await until(() => recorder.controls.length === 1);
  });
});
