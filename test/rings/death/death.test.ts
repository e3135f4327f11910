import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasNative } from "../../shm/processes.js";
import { bundled } from "../../support/bundle.js";
import { runLinks } from "./link-world.js";
import { World } from "./world.js";

const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
/** A claim of a dead producer stands for 20 ms; the rest is what two cores need to run five processes. */
const STALL_MS_MAX = 1_000;

let child: Awaited<ReturnType<typeof bundled>>;
let linkChild: Awaited<ReturnType<typeof bundled>>;

beforeAll(async () => {
  child = await bundled(new URL("./child.ts", import.meta.url));
  linkChild = await bundled(new URL("./link-child.ts", import.meta.url));
});
afterAll(() => {
  child.remove();
  linkChild.remove();
});

describe.skipIf(!hasNative)("processes that are killed at random moments, and come again", () => {
  const world = (kind: "spsc" | "mpsc" | "broadcast", kills: number) =>
    new World({ kind, kills, seed: "suite", program: child.file, modules }).run();

  test("SPSC: every record is read in order and whole, and again only from the last poll of a dead consumer", async () => {
    const { kills, records } = await world("spsc", 12);
    expect(kills).toBeGreaterThanOrEqual(12);
    expect(records).toBeGreaterThan(1_000);
  });

  test("MPSC: the same for each of three producers, and a dead one's claim holds nobody up", async () => {
    const { killsInClaim, abandonedClaims, stallMsMax } = await world("mpsc", 20);
    expect(killsInClaim).toBeGreaterThan(2);
    expect(abandonedClaims).toBeGreaterThan(0);
    expect(stallMsMax).toBeLessThan(STALL_MS_MAX);
  });

  test("broadcast: what three readers read and what they are told they lost is all that was published", async () => {
    const { records } = await world("broadcast", 12);
    expect(records).toBeGreaterThan(1_000);
  });

  test("shm: links keep what came, in order and whole, and are told of the end once and soon", async () => {
    const program = linkChild.file;
    const { kills, messages, closedMsMax } = await runLinks({ kills: 12, seed: "suite", program, modules });
    expect(kills).toBe(12);
    expect(messages).toBeGreaterThan(1_000);
    expect(closedMsMax).toBeLessThan(STALL_MS_MAX);
  });
});
