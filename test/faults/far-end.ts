// One end of a network, as a program: `relay URL`, or `clients URL [PATH]`: a producer and a reader, which reach a relay
// that is far away, and by way of a proxy on this side that is cut now and then where a second URL names its place.
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { until } from "../samples.js";
import { StreamProxy } from "../support/fault-proxy.js";
import { addressOf, Bed, range, toldAsLost } from "./bed.js";
import { NumberedProducer, QUICK } from "./reconnecting.js";

/** What the clients found, as one line of JSON. */
export interface Findings {
  readonly taken: number;
  readonly received: number;
  readonly twice: number;
  readonly outOfOrder: number;
  /** Numbers that neither came nor were told as lost. */
  readonly unexplained: number;
  readonly missing: number;
  readonly reconnects: number;
  readonly stats: { readonly received: number; readonly lost: number };
}

const [role, scheme, host = "", port = ""] = process.argv.slice(2);
const place = { host, port: Number(port) };
const far = { [scheme as "tcp"]: `${host}:${port}`, insecure: true };
if (role === "relay") {
  await new Relay({ domain: RelayDomain.MarketData, pingIntervalMs: 500 }).listen(far);
  process.stdout.write("up\n");
} else {
  process.stdout.write(`${JSON.stringify(await exchange())}\n`);
  process.exit(0);
}

async function exchange(): Promise<Findings> {
  const bed = new Bed();
  const isStream = scheme === "tcp";
  const proxy = isStream ? await StreamProxy.start({ host: "127.0.0.1", port: 0 }, place) : undefined;
  const address = proxy === undefined ? far : addressOf(proxy.place);
  const options = {
    ...QUICK,
    reconnect: isStream && { firstDelayMs: 2, delayMsMax: 20 },
    pingIntervalMs: 500,
    timeoutMs: 5_000,
  };
  const reader = await bed.reader(address, options);
  const producer = await NumberedProducer.start(bed, address, options);
  await producer.publishAll(20);
  await until(() => reader.prices.length > 0);
  for (let round = 0; round < 5; round++) {
    await producer.publishAll(1_000);
    if (proxy === undefined) continue;
    proxy.cut();
    await until(() => reader.connection.stats().reconnects > round && producer.connection.stats().reconnects > round);
  }
  if (isStream) await producer.connection.flush();
  // Where the last ones are lost nothing tells of it: some more, far apart.
  for (let n = 0; n < 10; n++) {
    await producer.publishAll(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await until(() =>
    isStream ? reader.prices.at(-1) === producer.taken : reader.prices.some((n) => n > producer.taken - 8),
  );
  await new Promise((resolve) => setTimeout(resolve, 300)); // what was overtaken
  const got = new Set(reader.prices);
  const told = new Set(toldAsLost(reader));
  const missing = range(1, Math.max(...got)).filter((n) => !got.has(n));
  const { received, lost, reconnects } = reader.connection.stats();
  return {
    taken: producer.taken,
    received: reader.prices.length,
    twice: reader.prices.length - got.size,
    outOfOrder: reader.prices.filter((n, index) => n < (reader.prices[index - 1] ?? 0)).length,
    unexplained: missing.filter((n) => !told.has(n)).length,
    missing: missing.length,
    reconnects,
    stats: { received, lost },
  };
}
