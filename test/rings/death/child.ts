// An end of a ring in a process of its own: see world.ts. `child.mjs <JSON of ChildTask>`

import { seededRandom } from "../../../src/actor/random.js";
import type { RingKind } from "../../../src/rings/layout.js";
import { SharedMemory } from "../../../src/shm/shared-memory.js";
import { consume, read } from "./consumer.js";
import { Journal, READER } from "./journal.js";
import { produce } from "./producer.js";

/** What a process is told on its command line. */
export interface ChildTask {
  readonly directory: string;
  readonly kind: RingKind;
  readonly end: number;
  readonly life: number;
  readonly seed: string;
  readonly haltsAt: number;
}

const { directory, kind, seed, ...task } = JSON.parse(process.argv[2] as string) as ChildTask;
const memory = SharedMemory.open("ring", kind, { directory });
const shared = { ...task, memory, journal: Journal.open(directory), random: seededRandom(seed) };
if (task.end < READER) await produce(shared);
else if (kind === "broadcast") await read(shared);
else await consume(shared);
process.exit(0); // a nap may be outstanding
