import type { Link } from "../../transports/transport.js";
import { fail, refused, same, turns } from "./checks.js";
import { messageOf, Recorder, send } from "./recorder.js";
import type { Listening, TransportBed, TransportTests } from "./transport-bed.js";

/** How long a connect to nobody may take beyond what it was told. */
const SLACK_MS = 1_000;
const CONNECT_TIMEOUT_MS = 100;
const LINKS_AT_ONCE = 20;
const ROUNDS = 100;
/** A transport that may lose is given so many tries, of so many turns of the event loop each. */
const TRIES_MAX = 10;
const TURNS_PER_TRY = 200;
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
  await oneMessage(bed, "there", link, other.recorder);
  await oneMessage(bed, "back", other.link, recorder);
}

/** Sends a message until one arrives: once, unless the transport may lose it. */
async function oneMessage(bed: TransportBed, what: string, from: Link, { numbers }: Recorder) {
  const before = numbers.length;
  for (let tries = bed.transport.guarantees.isLossless ? 1 : TRIES_MAX; tries > 0; tries--) {
    same(`the answer to a message ${what}`, send(from, messageOf(1, 50)), "sent");
    const isLast = tries === 1;
    if (isLast) await bed.until(`the message ${what}`, () => numbers.length > before);
    else await turns(TURNS_PER_TRY);
    if (numbers.length > before) return;
  }
}

/** Connects where nobody takes links any more: that is refused, or, where no transport tells, no link arrives. */
async function nobodyThere(bed: TransportBed, what: string, address: string): Promise<void> {
  const connecting = bed.connect(address, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  if (bed.transport.guarantees.tellsOfEnd) await refused(what, "NOT_LISTENING", connecting);
  else await connecting.catch(() => {});
}

/** How many handles of each kind there are. */
function handles(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Listens at an address that is about to be free. */
async function listenSoon(bed: TransportBed, address: string): Promise<void> {
  const giveUpAt = performance.now() + bed.timeoutMs;
  const isFree = (): Promise<boolean> =>
    bed.listen(address).then(
      () => true,
      () => false,
    );
  while (!(await isFree())) {
    if (performance.now() > giveUpAt) fail(`waited ${bed.timeoutMs} ms in vain: to listen at ${address} again`);
    await turns(1);
  }
}

/** A signal, and how many listen to it. */
function countedSignal(): { readonly signal: AbortSignal; count(): number } {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return { signal, count: () => listeners.size };
}

/** What a transport promises of addresses, and of many links at once. */
export const ADDRESSES: TransportTests = {
  async "says as data what it guarantees"(bed) {
    const { scheme, guarantees } = bed.transport;
    if (!/^[a-z][a-z0-9+]*$/.test(scheme)) fail(`${scheme} is no scheme of a URL`);
    const { isOrdered, isLossless, isDeduplicated, tellsOfEnd, payloadBytesMax } = guarantees;
    const kinds = [isOrdered, isLossless, isDeduplicated, tellsOfEnd, payloadBytesMax].map((each) => typeof each);
    same("the kinds of guarantees", kinds, ["boolean", "boolean", "boolean", "boolean", "number"]);
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
    await nobodyThere(bed, "connect where nobody listens", bed.address());
    const tookMs = performance.now() - startedAt;
    if (tookMs > CONNECT_TIMEOUT_MS + SLACK_MS) fail(`connect took ${tookMs} ms, was given ${CONNECT_TIMEOUT_MS} ms`);
  },

  async "closed takes no more links, and keeps those that are there"(bed) {
    const address = bed.address();
    const server = await bed.listen(address);
    const there = await client(bed, address);
    await bothWays(bed, there, server, 1);
    await bed.within("close of the listener", server.listener.close());
    await nobodyThere(bed, "connect after the listener was closed", address);
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
    const { tellsOfEnd } = bed.transport.guarantees;
    if (!tellsOfEnd) for (const { link } of [old, ...before.arrived]) link.destroy(); // links may share what the address is
    const after = await bed.listen(address);
    await bothWays(bed, await client(bed, address), after, 1);
    if (tellsOfEnd) await bothWays(bed, old, before, 1);
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
    const { isLossless, tellsOfEnd } = bed.transport.guarantees;
    if (!isLossless) await turns(TURNS_PER_TRY);
    for (const [i, { recorder }] of clients.entries()) {
      if (isLossless) await bed.until(`the answers over link ${i + 1}`, () => recorder.numbers.length >= 5);
      const foreign = recorder.numbers.filter((n) => n < 100 * i || n > 100 * i + 4);
      same(`the answers over link ${i + 1} to messages of other links`, foreign, []);
    }
    const [first, ...others] = clients as [Client, ...Client[]];
    first.link.destroy();
    const endedCount = (): number => server.arrived.filter(({ recorder }) => recorder.closings > 0).length;
    if (tellsOfEnd) await bed.until("closed at the listener's end", () => endedCount() > 0);
    for (const { link, recorder } of others) await oneMessage(bed, "over a link that stays, and back", link, recorder);
    const endedElsewhere = others.filter(({ recorder }) => recorder.closings > 0).length;
    same("links that ended", [endedCount(), endedElsewhere], [tellsOfEnd ? 1 : 0, 0]);
  },

  async "refuses with ABORTED to listen or connect for a signal that has aborted already"(bed) {
    const address = bed.address();
    const options = { signal: AbortSignal.abort() };
    await refused("listen for an aborted signal", "ABORTED", bed.listen(address, options));
    const server = await bed.listen(address); // it was not taken
    await refused("connect for an aborted signal", "ABORTED", bed.connect(address, options));
    await bothWays(bed, await client(bed, address), server, 1);
  },

  async "gives up with ABORTED what its signal ends while it goes on"(bed) {
    const address = bed.address();
    const [listening, connecting] = [new AbortController(), new AbortController()];
    const listen = refused("listen", "ABORTED", bed.listen(address, { signal: listening.signal }));
    listening.abort();
    await listen;
    await listenSoon(bed, address); // what was given up does not keep the address
    const connect = refused("connect", "ABORTED", bed.connect(bed.address(), { signal: connecting.signal }));
    connecting.abort();
    await connect;
  },

  async "lets a signal close its listener, and leaves alone links that are there"(bed) {
    const address = bed.address();
    const controller = new AbortController();
    const { signal } = controller;
    const server = await bed.listen(address, { signal });
    const link = await bed.connect(address, { signal });
    const recorder = new Recorder();
    link.start(recorder);
    await bothWays(bed, { link, recorder }, server, 1);
    controller.abort();
    await turns(5);
    await nobodyThere(bed, "connect after the signal closed the listener", address);
    await bothWays(bed, { link, recorder }, server, 1);
    same("links that arrived", server.arrived.length, 1);
  },

  async "leaves nothing on a signal once it has connected, or no longer listens"(bed) {
    const address = bed.address();
    const { signal, count } = countedSignal();
    const { listener } = await bed.listen(address, { signal });
    await bed.connect(address, { signal });
    await bed.within("close of the listener", listener.close());
    await nobodyThere(bed, "connect where nobody listens", address);
    await bed.connect(address, { signal, connectTimeoutMs: CONNECT_TIMEOUT_MS }).catch(() => {});
    same("listeners that are left on the signal", count(), 0);
  },

  async "leaves no handle behind, after a hundred links that were opened and ended"(bed) {
    const address = bed.address();
    const server = await bed.listen(address);
    const before = handles();
    for (let round = 0; round < ROUNDS; round++) {
      const { link, recorder } = await client(bed, address);
      await bed.until(`link ${round + 1} at the listener`, () => server.arrived.length > round);
      send(link, messageOf(round, 10));
      const other = server.arrived[round] as Client;
      if (round % 2 === 0) await bed.within("close", link.close());
      else other.link.destroy();
      if (!bed.transport.guarantees.tellsOfEnd) for (const end of [link, other.link]) end.destroy();
      await bed.until("closed at both ends", () => recorder.closings > 0 && other.recorder.closings > 0);
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
