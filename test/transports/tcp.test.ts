import { once } from "node:events";
import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import { tcpTransport } from "../../src/transports/tcp.js";
import type { Link, TcpOptions } from "../../src/transports/transport.js";
import { until } from "../samples.js";
import { freePort, StreamWorld } from "./stream-world.js";

/** A name that no server answers for, and one that leads to this machine and to another one, as a name can. */
const SILENT_NAME = "silent.example";
const FAR_NAME = "far.example";
const FAR = [
  { address: "127.0.0.1", family: 4 },
  { address: "192.0.2.1", family: 4 },
];

vi.mock("node:dns", async (original) => {
  const dns = await original<typeof import("node:dns")>();
  const lookup = (host: string, options: object, done: (...found: unknown[]) => void) => {
    if (host === FAR_NAME) done(null, FAR);
    else if (host !== SILENT_NAME) (dns.lookup as (...args: unknown[]) => void)(host, options, done);
  };
  return { ...dns, lookup };
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const placeOf = (address: string): string => address.slice("tcp://".length);

async function listen(place: string, options = {}) {
  const links: Link[] = [];
  const listener = await tcpTransport.listen(place, (link) => links.push(link), options);
  cleanups.push(() => listener.close());
  cleanups.push(() => links.map((link) => link.destroy()));
  return { listener, links };
}

describe("tcp://", () => {
  test.each([
    ["127.0.0.1:0", /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/],
    ["[::1]:0", /^tcp:\/\/\[::1\]:[1-9]\d*$/],
    ["localhost:0", /^tcp:\/\/localhost:[1-9]\d*$/],
  ])("listens at %s, says its real port, and is connected to at what it says", async (place, address) => {
    const { listener, links } = await listen(place);
    expect(listener.address).toMatch(address);
    const client = await tcpTransport.connect(placeOf(listener.address));
    cleanups.push(() => client.destroy());
    await until(() => links.length === 1);
    const recorder = new Recorder();
    links[0]?.start(recorder);
    client.start(new Recorder());
    send(client, messageOf(1, 10));
    await until(() => recorder.numbers.length === 1);
    expect([client.isPrivate, links[0]?.isPrivate]).toEqual([false, false]);
    expect(links[0]?.peer).toMatch(/^tcp:\/\/(127\.0\.0\.1|\[::1\]):\d+$/);
  });

  test.each(["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"])(
    "does not listen at %s, which leaves this machine, unless insecure is asked for",
    async (place) => {
      await expect(listen(place)).rejects.toMatchObject({ code: "INSECURE" });
    },
  );

  test.each(["192.0.2.1:9", "[2001:db8::1]:9", "128.0.0.1:9"])("does not connect to %s either", async (place) => {
    await expect(tcpTransport.connect(place)).rejects.toMatchObject({
      code: "INSECURE",
      message: expect.stringContaining("insecure: true"),
    });
  });

  test("does not connect to a name of which one address is of another machine, before any is tried", async () => {
    const { listener, links } = await listen("127.0.0.1:0");
    const port = listener.address.split(":").at(-1);
    const connecting = tcpTransport.connect(`${FAR_NAME}:${port}`);
    await expect(connecting).rejects.toMatchObject({ code: "INSECURE" });
    expect(links).toHaveLength(0);
    const client = await tcpTransport.connect(`${FAR_NAME}:${port}`, { insecure: true } as object);
    cleanups.push(() => client.destroy());
    await until(() => links.length === 1);
  });

  test("leaves this machine where insecure was asked for", async () => {
    const { listener, links } = await listen("0.0.0.0:0", { insecure: true });
    const port = listener.address.split(":").at(-1);
    const client = await tcpTransport.connect(`127.0.0.1:${port}`);
    cleanups.push(() => client.destroy());
    await until(() => links.length === 1);
  });

  test.each([{ insecure: "yes" }, { onRefused: 5 }, { signal: 5 }, { linksPerPeerMax: 0 }])(
    "refuses the option %j at both ends",
    async (option) => {
      const options = option as unknown as TcpOptions;
      const refusal = { code: "BAD_OPTION" };
      await expect(tcpTransport.listen("127.0.0.1:0", () => {}, options)).rejects.toMatchObject(refusal);
      await expect(tcpTransport.connect("127.0.0.1:9", options)).rejects.toMatchObject(refusal);
    },
  );

  test("says in the system's words why it cannot listen or connect", async () => {
    await expect(listen("no-such-host.invalid:0")).rejects.toMatchObject({ code: "LISTEN_FAILED" });
    const connecting = tcpTransport.connect("no-such-host.invalid:9");
    await expect(connecting).rejects.toMatchObject({ code: "CONNECT_FAILED" });
    const nobody = tcpTransport.connect(`localhost:${await freePort()}`);
    await expect(nobody).rejects.toMatchObject({ code: "NOT_LISTENING" });
  });

  test("given up while it connects leaves no socket behind, nor does one that takes too long", async () => {
    const destroy = vi.spyOn(Socket.prototype, "destroy");
    cleanups.push(() => destroy.mockRestore());
    const controller = new AbortController();
    const connecting = tcpTransport.connect(`${SILENT_NAME}:9`, { signal: controller.signal });
    connecting.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(connecting).rejects.toMatchObject({ code: "ABORTED", cause: reason });
    await until(() => destroy.mock.calls.length === 1);
    const late = tcpTransport.connect(`${SILENT_NAME}:9`, { connectTimeoutMs: 20 });
    await expect(late).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
    expect(destroy).toHaveBeenCalledTimes(2);
  });
});

describe("the places of one remote host", () => {
  let world: StreamWorld;
  beforeEach(() => {
    world = new StreamWorld("tcp");
    cleanups.push(() => world.takeAway());
  });

  test("are counted apart from those of others, and are given back", async () => {
    const refused: string[] = [];
    await world.listen({ linksMax: 4, linksPerPeerMax: 2, onRefused: (peer) => refused.push(peer) });
    const first = await world.plain("127.0.0.1");
    await world.plain("127.0.0.1");
    await once((await world.plain("127.0.0.1")).resume(), "end");
    await world.plain("127.0.0.2");
    await world.plain("127.0.0.2");
    await until(() => world.links.length === 4);
    await once((await world.plain("127.0.0.3")).resume(), "end"); // no place at all
    expect(refused).toEqual(["127.0.0.1", "127.0.0.3"]);
    first.destroy();
    await until(() => world.recorders[0]?.closings === 1);
    await world.plain("127.0.0.1");
    await until(() => world.links.length === 5);
  });
});
