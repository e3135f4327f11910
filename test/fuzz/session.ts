import fc from "fast-check";
import { seededRandom } from "../../src/actor/random.js";
import { arbitraryMessage } from "../../src/testing/messages.js";
import { type Count, examine, Fault } from "./examine.js";
import { mutated } from "./mutate.js";

/**
 * How long one input may keep the processor, in the best of three tries: 250 ms, and 10 µs a byte, for each entry of a long
 * group is read through every accessor of both codecs.
 */
const INPUT_MS_MAX = 250;
const BYTE_MS_MAX = 0.01;
const GENERATED_COUNT = 300;
const INPUTS_PER_CORPUS = 5_000;
/** Live memory after the first corpus, and after any later one: what the machine keeps for itself varies by less. */
const HEAP_GROWTH_BYTES_MAX = 16 << 20;
const FINDS_MAX = 20;

/** What one session of fuzzing came to. */
export interface Session {
  readonly inputs: number;
  /** Inputs by what became of them. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly finds: number;
  /** Bytes by which live memory grew; undefined where the collector cannot be called (--expose-gc). */
  readonly heapGrowthBytes: number | undefined;
}

/** How to fuzz. */
export interface SessionOptions {
  readonly seed: string;
  /** Messages to begin with. */
  readonly golden: readonly Uint8Array[];
  /** Asked before each input. */
  goesOn(inputs: number): boolean;
  /** Told of bytes that were not handled as they must be, once for each kind of fault. */
  onFind(bytes: Uint8Array, fault: Error): void;
  /** What holds the bytes against the library; default all of it. */
  readonly examine?: (bytes: Uint8Array, count: Count) => void;
}

/** Makes inputs from golden and generated messages, and examines each. The same seed makes the same inputs. */
export function fuzz(options: SessionOptions): Session {
  const random = seededRandom(options.seed);
  const outcomes = new Map<string, number>();
  const count: Count = (outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const seen = new Set<string>();
  let corpus: readonly Uint8Array[] = [];
  let firstHeap: number | undefined;
  let heapGrowthBytes: number | undefined;
  let inputs = 0;
  for (; seen.size < FINDS_MAX && options.goesOn(inputs); inputs++) {
    if (inputs % INPUTS_PER_CORPUS === 0) {
      corpus = [...options.golden, ...generated(random.int(2 ** 31))];
      const heap = inputs === 0 ? undefined : liveBytes();
      firstHeap ??= heap;
      if (heap !== undefined && firstHeap !== undefined) heapGrowthBytes = heap - firstHeap;
      if ((heapGrowthBytes ?? 0) > HEAP_GROWTH_BYTES_MAX) {
        throw new Fault(`live memory grew by ${heapGrowthBytes} bytes in ${inputs} inputs`);
      }
    }
    const pick = () => corpus[random.int(corpus.length)] as Uint8Array;
    const bytes = mutated(pick(), pick(), random);
    const fault = faultOf(bytes, options.examine ?? examine, count);
    if (fault === undefined) continue;
    const kind = `${fault.name}: ${fault.message.replace(/\d+/g, "#")}`;
    if (!seen.has(kind)) options.onFind(bytes, fault);
    seen.add(kind);
  }
  return { inputs, outcomes, finds: seen.size, heapGrowthBytes };
}

/** What is wrong with how the library handles these bytes; undefined where nothing is. */
function faultOf(bytes: Uint8Array, examined: typeof examine, count: Count): Error | undefined {
  try {
    const limitMs = INPUT_MS_MAX + bytes.byteLength * BYTE_MS_MAX;
    let ms = timed(() => examined(bytes, count));
    for (let tries = 1; ms > limitMs && tries < 3; tries++) ms = timed(() => examined(bytes, () => {}));
    return ms > limitMs ? new Fault(`${bytes.byteLength} bytes take more than ${limitMs} ms`) : undefined;
  } catch (error) {
    return error instanceof Error ? error : new Fault(`thrown: ${String(error)}`);
  }
}

/** Milliseconds of this process's own time: what else the machine does is not counted. */
function timed(call: () => void): number {
  const start = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

/** Messages that the schemas make: mostly short ones, a few up to the limit. */
function generated(seed: number): Uint8Array[] {
  const short = fc.sample(arbitraryMessage({ valueBytesMax: 1_000 }), { numRuns: GENERATED_COUNT, seed });
  const any = fc.sample(arbitraryMessage(), { numRuns: GENERATED_COUNT / 10, seed });
  return [...short, ...any].map(({ bytes }) => bytes);
}

function liveBytes(): number | undefined {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return undefined;
  gc();
  return process.memoryUsage().heapUsed;
}
