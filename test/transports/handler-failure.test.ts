import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import { localLinks } from "../../src/transports/local.js";
import { ringTransport } from "../../src/transports/ring.js";
import { tcpTransport } from "../../src/transports/tcp.js";
import type { Link, Transport } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { until } from "../samples.js";
import { freePort } from "./stream-world.js";

const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function linksOf(transport: Transport, address: string): Promise<[Link, Link]> {
  const arrived: Link[] = [];
  const listener = await transport.listen(address, (link) => arrived.push(link));
  cleanups.push(() => listener.close());
  const client = await transport.connect(address);
  await until(() => arrived.length === 1);
  return [client, arrived[0] as Link];
}

test.each<[string, () => [Link, Link] | Promise<[Link, Link]>]>([
  ["a call", () => localLinks("test")],
  ["ring://", () => linksOf(ringTransport, `failure-${process.pid}`)],
  ["unix://", () => linksOf(unixTransport, join(directory, "failure.sock"))],
  ["tcp://", async () => linksOf(tcpTransport, `127.0.0.1:${await freePort()}`)],
])("over %s, what a handler throws after it ended its link is an uncaught exception, not lost", async (_, make) => {
  const uncaught: unknown[] = [];
  const { queueMicrotask: queue } = globalThis;
  vi.spyOn(globalThis, "queueMicrotask").mockImplementation((run) => {
    queue(() => {
      try {
        run();
      } catch (error) {
        uncaught.push(error);
      }
    });
  });
  const [from, to] = await make();
  cleanups.push(() => from.destroy());
  const [sender, receiver] = [new Recorder(), new Recorder()];
  const thrown = new Error("thrown late");
  receiver.onMessage = () => {
    to.destroy();
    throw thrown;
  };
  from.start(sender);
  to.start(receiver);
  expect(send(from, messageOf(1, 10))).toBe("sent");
  await until(() => uncaught.length > 0 && sender.closings > 0 && receiver.closings > 0);
  expect(uncaught).toEqual([thrown]);
  expect([sender.closings, receiver.closings, receiver.error]).toEqual([1, 1, undefined]);
});
