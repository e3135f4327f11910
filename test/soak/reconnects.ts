// `npm run soak -- reconnects [--count N] [--mishaps N] [--seed S]`: links that are lost for hours. See test/README.md.
import { parseArgs } from "node:util";
import { Bed, range, STREAMS, type Stream } from "../faults/bed.js";
import { mishaps, NumberedProducer, QUICK } from "../faults/reconnecting.js";
import { until } from "../samples.js";
import { resources } from "../support/resources.js";

const COUNT_DEFAULT = 10_000;
const MISHAPS_DEFAULT = 1_000;
const WARM_UP = 100;
const MEMORY_BYTES_MAX = 8 << 20;

/** Loses so many links over each kind of stream, cut plainly and by mishaps; true where nothing was lost or leaked. */
export async function reconnectsSoak(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { count: { type: "string" }, mishaps: { type: "string" }, seed: { type: "string" } },
  });
  const count = Number(values.count ?? COUNT_DEFAULT);
  const mishapCount = Number(values.mishaps ?? MISHAPS_DEFAULT);
  let isWell = true;
  for (const stream of STREAMS) {
    const parts: readonly (readonly [string, () => Promise<string | undefined>])[] = [
      [`${count} reconnects`, () => cuts(stream, count)],
      [`${mishapCount} mishaps`, () => manyMishaps(stream, mishapCount, values.seed ?? "soak")],
    ];
    for (const [name, part] of parts) {
      const before = performance.now();
      const fault = await part();
      const took = `${((performance.now() - before) / 1_000).toFixed(1)} s`;
      process.stdout.write(
        `${fault === undefined ? "ok   " : "FAULT"} ${stream}, ${name}: ${fault ?? "each message once, nothing left behind"}, ${took}\n`,
      );
      if (fault !== undefined) isWell = false;
    }
  }
  return isWell;
}

/** Both ends lose their link, come back, and exchange a few messages; what they hold is compared. */
async function cuts(stream: Stream, count: number): Promise<string | undefined> {
  const bed = new Bed();
  try {
    const { place } = await bed.relay(stream);
    const proxy = await bed.proxy(place);
    const reader = await bed.reader(proxy.url, QUICK);
    const producer = await NumberedProducer.start(bed, proxy.url, {});
    await producer.publishAll(1);
    await until(() => reader.prices.length === 1);
    const ends = [producer.connection, reader.connection];
    const lost = (): number => ends.reduce((sum, end) => sum + end.stats().reconnects, 0);
    let before = resources();
    for (let n = 0; lost() < count; n++) {
      if (n === WARM_UP) before = resources();
      const counts = ends.map((end) => end.stats().reconnects);
      proxy.cut();
      await until(() =>
        ends.every((end, index) => end.isConnected && end.stats().reconnects > (counts[index] as number)),
      );
      await producer.publishAll(3);
      await producer.connection.flush();
      const known = reader.prices.length;
      await until(() => reader.prices.at(-1) === producer.taken);
      if (known > 10_000) reader.prices.splice(0, 10_000);
    }
    const after = resources();
    if (reader.gaps.length > 0) return `${reader.gaps.length} gaps`;
    const first = reader.prices[0] as number;
    const wrong = reader.prices.findIndex((price, index) => price !== first + index);
    if (wrong >= 0) return `message ${first + wrong} is missing or came twice`;
    if (after.files !== before.files) return `${after.files - before.files} files are left open`;
    if (after.sockets !== before.sockets) return `${after.sockets - before.sockets} sockets are left`;
    if (after.timers > before.timers + 1) return `${after.timers - before.timers} timers are left`;
    const grownBytes = after.memoryBytes - before.memoryBytes;
    if (grownBytes > MEMORY_BYTES_MAX) return `memory grew by ${grownBytes} bytes`;
    return undefined;
  } finally {
    await bed.clear();
  }
}

/** As in the suite, for longer. */
async function manyMishaps(stream: Stream, count: number, seed: string): Promise<string | undefined> {
  const bed = new Bed();
  const failures: string[] = [];
  const onFailure = ({ message }: Error): void => void failures.push(message);
  try {
    const { place } = await bed.relay(stream, { pingIntervalMs: 50, challengeMs: 100 });
    const [before, behind] = [await bed.proxy(place, `${seed} in`), await bed.proxy(place, `${seed} out`)];
    const reader = await bed.reader(behind.url, { ...QUICK, onFailure });
    const producer = await NumberedProducer.start(bed, before.url, { onFailure });
    await producer.publishAll(1);
    await until(() => reader.prices.length === 1);
    const timer = setInterval(() => producer.publish(5), 2);
    await mishaps([before, behind], count, `${stream} ${seed}`).finally(() => clearInterval(timer));
    await until(() => failures.length > 0 || reader.prices.at(-1) === producer.taken, 10_000);
    if (failures.length > 0) return failures.join("; ");
    if (reader.gaps.length > 0) return `${reader.gaps.length} gaps`;
    const wrong = range(1, producer.taken).find((n, index) => reader.prices[index] !== n);
    return wrong === undefined ? undefined : `message ${wrong} is missing, or came late or twice`;
  } finally {
    await bed.clear();
  }
}
