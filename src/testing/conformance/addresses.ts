import type { Link } from "../../transports/transport.js";
import { fail, refused, same } from "./checks.js";
import { messageOf, Recorder, send } from "./recorder.js";
import type { Listening, TransportBed, TransportTests } from "./transport-bed.js";

/** How long a connect to nobody may take beyond what it was told. */
const SLACK_MS = 1_000;
const CONNECT_TIMEOUT_MS = 100;
const LINKS_AT_ONCE = 20;
const ROUNDS = 100;
/** How many handles the program itself may open meanwhile: fewer than there are rounds. */
const OWN_HANDLES_MAX = 20;

interface Client {
  readonly link: Link;
  readonly recorder: Recorder;
}

async function client(bed: TransportBed, address: string): Promise<Client> {
  const link = await bed.connect(address);
  const recorder = new Recorder();
  link.start(recorder);
  return { link, recorder };
}

/** The links at a listener that have not ended: one that only asks who listens there may come and go. */
function open({ arrived }: Listening): readonly Client[] {
  return arrived.filter(({ recorder }) => recorder.closings === 0);
}

/** One message there and one back over the newest link, of so many. */
async function bothWays(bed: TransportBed, { link, recorder }: Client, server: Listening, count: number) {
  await bed.until(`${count} links at the listener`, () => open(server).length === count);
  const other = open(server)[count - 1] as Client;
  const before = [recorder.numbers.length, other.recorder.numbers.length] as const;
  same("the answer to a message there", send(link, messageOf(1, 50)), "sent");
  same("the answer to a message back", send(other.link, messageOf(2, 50)), "sent");
  await bed.until("the message back", () => recorder.numbers.length > before[0]);
  await bed.until("the message there", () => other.recorder.numbers.length > before[1]);
}

/** How many handles of each kind there are. */
function handles(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What a transport promises of addresses, and of many links at once. */
export const ADDRESSES: TransportTests = {
  async "says as data what it guarantees"(bed) {
    const { scheme, guarantees } = bed.transport;
    if (!/^[a-z][a-z0-9+]*$/.test(scheme)) fail(`${scheme} is no scheme of a URL`);
    const { isOrdered, isLossless, isDeduplicated, payloadBytesMax } = guarantees;
    const kinds = [isOrdered, isLossless, isDeduplicated, payloadBytesMax].map((each) => typeof each);
    same("the kinds of guarantees", kinds, ["boolean", "boolean", "boolean", "number"]);
    if (!Number.isSafeInteger(payloadBytesMax) || payloadBytesMax < 1) fail(`payloadBytesMax is ${payloadBytesMax}`);
    const { listener } = await bed.listen(bed.address());
    if (!listener.address.startsWith(`${scheme}://`)) fail(`${listener.address} does not begin with ${scheme}://`);
  },

  async "refuses a bad address with BAD_ADDRESS, at both ends"(bed) {
    for (const address of bed.badAddresses) {
      const shown = JSON.stringify(address);
      await refused(`listen at ${shown}`, "BAD_ADDRESS", bed.listen(address));
      await refused(`connect to ${shown}`, "BAD_ADDRESS", bed.connect(address));
    }
  },

  async "refuses an address where somebody listens with ADDRESS_IN_USE, and leaves that one alone"(bed) {
    const address = bed.address();
    const server = await bed.listen(address);
    const before = await client(bed, address);
    await refused("listen where somebody listens", "ADDRESS_IN_USE", bed.listen(address));
    await bothWays(bed, before, server, 1);
    await bothWays(bed, await client(bed, address), server, 2);
  },

  async "gives an address to one of two who ask at once"(bed) {
    const address = bed.address();
    const outcomes = await Promise.allSettled([bed.listen(address), bed.listen(address)]);
    const codes = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "listening"));
    same("what the two were told", codes.sort(), ["ADDRESS_IN_USE", "listening"]);
  },

  async "says NOT_LISTENING where nobody listens, in the time that it was given"(bed) {
    const startedAt = performance.now();
    const connecting = bed.connect(bed.address(), { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    await refused("connect where nobody listens", "NOT_LISTENING", connecting);
    const tookMs = performance.now() - startedAt;
    if (tookMs > CONNECT_TIMEOUT_MS + SLACK_MS) fail(`connect took ${tookMs} ms, was given ${CONNECT_TIMEOUT_MS} ms`);
  },

  async "closed takes no more links, and keeps those that are there"(bed) {
    const address = bed.address();
    const server = await bed.listen(address);
    const there = await client(bed, address);
    await bothWays(bed, there, server, 1);
    await bed.within("close of the listener", server.listener.close());
    const late = bed.connect(address, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    await refused("connect after the listener was closed", "NOT_LISTENING", late);
    await bothWays(bed, there, server, 1);
    await bed.within("close of the listener, again", server.listener.close());
    same("links that arrived", server.arrived.length, 1);
  },

  async "can be listened at again after a close, also while links of before are there"(bed) {
    const address = bed.address();
    const before = await bed.listen(address);
    const old = await client(bed, address);
    await bothWays(bed, old, before, 1);
    await bed.within("Symbol.asyncDispose of the listener", Promise.resolve(before.listener[Symbol.asyncDispose]()));
    const after = await bed.listen(address);
    await bothWays(bed, await client(bed, address), after, 1);
    await bothWays(bed, old, before, 1);
    same("links that arrived", [before.arrived.length, after.arrived.length], [1, 1]);
  },

  async "keeps links at once apart, and ends one without the others"(bed) {
    const address = bed.address();
    const server = await bed.listen(address);
    const clients = await Promise.all(Array.from({ length: LINKS_AT_ONCE }, () => client(bed, address)));
    await bed.until("all links at the listener", () => server.arrived.length === LINKS_AT_ONCE);
    for (const { link, recorder } of server.arrived) recorder.onMessage = (n) => send(link, messageOf(n, 60));
    for (let round = 0; round < 5; round++) {
      for (const [i, { link }] of clients.entries()) send(link, messageOf(100 * i + round, 60));
    }
    const expected = (i: number): number[] => [0, 1, 2, 3, 4].map((round) => 100 * i + round);
    for (const [i, { recorder }] of clients.entries()) {
      await bed.until(`the answers over link ${i + 1}`, () => recorder.numbers.length >= 5);
      same(
        `the answers over link ${i + 1}`,
        [...recorder.numbers].sort((a, b) => a - b),
        expected(i),
      );
    }
    const [first, ...others] = clients as [Client, ...Client[]];
    first.link.destroy();
    const endedCount = (): number => server.arrived.filter(({ recorder }) => recorder.closings > 0).length;
    await bed.until("closed at the listener's end", () => endedCount() > 0);
    for (const { link, recorder } of others) {
      send(link, messageOf(7, 10));
      await bed.until("an answer over a link that stays", () => recorder.numbers.length > 5);
    }
    same("links that ended", [endedCount(), others.filter(({ recorder }) => recorder.closings > 0).length], [1, 0]);
  },

  async "leaves no handle behind, after a hundred links that were opened and ended"(bed) {
    const address = bed.address();
    const server = await bed.listen(address);
    const before = handles();
    for (let round = 0; round < ROUNDS; round++) {
      const { link, recorder } = await client(bed, address);
      await bed.until(`link ${round + 1} at the listener`, () => server.arrived.length > round);
      send(link, messageOf(round, 10));
      if (round % 2 === 0) await bed.within("close", link.close());
      else (server.arrived[round] as Client).link.destroy();
      const other = (server.arrived[round] as Client).recorder;
      await bed.until("closed at both ends", () => recorder.closings > 0 && other.closings > 0);
    }
    const left = (): [string, number][] =>
      [...handles()].filter(([kind, count]) => count - (before.get(kind) ?? 0) > OWN_HANDLES_MAX);
    await bed
      .until("an end of all handles", () => left().length === 0)
      .catch(() => {
        fail(`left behind by ${ROUNDS} links: ${JSON.stringify(left())}`);
      });
  },
};
