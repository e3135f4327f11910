import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLOSED_WORD, CREATOR_WORD, RING_HEADER_BYTES, TAIL_WORD, VERSION_WORD } from "../../src/rings/layout.js";
import { ownDirectory, pathOf } from "../../src/shm/directory.js";
import { SharedMemory } from "../../src/shm/shared-memory.js";
import { Child, codeOf, hasNative, useDirectory } from "./processes.js";

const RING = { capacityBytes: 4096 };
const FIRST_RECORD = RING_HEADER_BYTES / 4;

describe.skipIf(!hasNative)("memory between processes", () => {
  const directory = useDirectory();
  const create = (name = "ring", options = {}): SharedMemory =>
    SharedMemory.create(name, "spsc", { ...RING, directory: directory(), ...options });
  const open = (name = "ring"): SharedMemory => SharedMemory.open(name, "spsc", { directory: directory() });
  const words = (memory: SharedMemory): Int32Array => new Int32Array(memory.buffer);

  test("is the same for who created a ring and who opened it, and holds the ring alone", () => {
    using created = create();
    using opened = open();
    words(created)[FIRST_RECORD] = 77;
    expect(words(opened)[FIRST_RECORD]).toBe(77);
    expect(opened.buffer.byteLength).toBe(RING_HEADER_BYTES + 4096);
    expect(opened.path).toBe(join(directory(), "ring"));
    expect(readdirSync(directory())).toEqual(["ring"]);
    expect(words(opened)[CREATOR_WORD]).toBe(process.pid);
  });

  test("is seen by another process", async () => {
    using memory = create();
    const child = new Child(
      directory(),
      `const memory = SharedMemory.open("ring", "spsc", { directory });
       Atomics.store(new Int32Array(memory.buffer), ${FIRST_RECORD}, 4711); say("stored");`,
    );
    expect(await child.says()).toBe("stored");
    expect(Atomics.load(words(memory), FIRST_RECORD)).toBe(4711);
  });

  test("begins at the position that was asked for", () => {
    using memory = create("late", { position: 2n ** 53n });
    expect([...words(memory).subarray(TAIL_WORD, TAIL_WORD + 3)]).toEqual([0, 2 ** 21, 2 ** 21]);
  });

  test.each([0o000, 0o022, 0o777])("has the permissions that were asked for, under umask %o too", (umask) => {
    const before = process.umask(umask);
    try {
      create("private").close();
      create("group", { mode: 0o660 }).close();
    } finally {
      process.umask(before);
    }
    expect(statSync(join(directory(), "private")).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory(), "group")).mode & 0o777).toBe(0o660);
  });

  test("refuses options that cannot be", () => {
    expect(codeOf(() => create("ring", { mode: 0o200 }))).toBe("BAD_OPTION");
    expect(codeOf(() => create("ring", { mode: 0o4600 }))).toBe("BAD_OPTION");
    expect(codeOf(() => create("ring", { stale: "steal" }))).toBe("BAD_OPTION");
    expect(codeOf(() => create("ring", { capacityBytes: 5000 }))).toBe("BAD_OPTION");
    expect(codeOf(() => SharedMemory.open("ring", "queue" as "spsc", { directory: directory() }))).toBe("BAD_OPTION");
    expect(readdirSync(directory())).toEqual([]);
  });

  test.each(["", ".", "..", "a/b", "../ring", "a\0b", "ring ", "ä", "x".repeat(65)])(
    "the name %j cannot leave its directory",
    (name) => {
      expect(codeOf(() => create(name))).toBe("BAD_NAME");
      expect(codeOf(() => open(name))).toBe("BAD_NAME");
    },
  );

  test.each(["x", "...", ".hidden", "-", "Market.data_1-a", "x".repeat(64)])("the name %j is one", (name) => {
    create(name).close();
    expect(readdirSync(directory())).toEqual([name]);
  });

  test("what is no ring of this kind, version and size is refused with a word on why", () => {
    const at = (name: string): string => join(directory(), name);
    const damaged = (name: string, work: (memory: SharedMemory) => void): string => {
      using memory = create(name);
      work(memory);
      return name;
    };
    const textOf = (name: string): string => {
      try {
        open(name).close();
      } catch (error) {
        expect(error).toMatchObject({ code: "BAD_RING" });
        return (error as Error).message;
      }
      throw new Error(`${name} was opened`);
    };
    expect(textOf(damaged("old", (memory) => (words(memory)[VERSION_WORD] = 1)))).toContain("layout version 1");
    expect(textOf(damaged("no-magic", (memory) => (words(memory)[0] = 0)))).toContain("no ring");
    const short = damaged("short", () => {});
    truncateSync(at(short), RING_HEADER_BYTES + 2048);
    expect(textOf(short)).toContain("does not fill");
    const long = damaged("long", () => {});
    truncateSync(at(long), RING_HEADER_BYTES + 4097);
    expect(textOf(long)).toContain("does not fill");
    writeFileSync(at("tiny"), "123");
    expect(textOf("tiny")).toContain("too few");
    writeFileSync(at("empty"), "");
    textOf("empty");
    writeFileSync(at("huge"), "");
    truncateSync(at("huge"), 2 ** 40);
    expect(textOf("huge")).toContain("too large");
    mkdirSync(at("folder"));
    textOf("folder");
    damaged("ring", () => {});
    symlinkSync(at("ring"), at("link"));
    expect(textOf("link")).toContain("symbolic link");
    SharedMemory.create("broadcast", "broadcast", { ...RING, directory: directory() }).close();
    expect(textOf("broadcast")).toContain("kind broadcast");
  });

  test("a ring that is not there, and a directory that cannot hold one, have codes of their own", () => {
    expect(codeOf(() => open("nothing"))).toBe("NO_RING");
    expect(codeOf(() => create("ring", { directory: join(directory(), "nothing") }))).toBe("BAD_DIRECTORY");
    expect(codeOf(() => create("ring", { directory: "/proc" }))).toBe("BAD_DIRECTORY");
  });

  test("a full device is an error when the ring is made, not a signal when it is written to", (context) => {
    const small = ["/run", "/run/lock", "/dev/shm"].find((path) => {
      try {
        const { bavail, bsize } = statfsSync(path);
        return bavail * bsize < 2 ** 30;
      } catch {
        return false;
      }
    });
    if (small === undefined) return context.skip("no device here is smaller than the largest ring");
    const name = `alphapulse-test-${process.pid}`;
    expect(codeOf(() => create(name, { directory: small, capacityBytes: 2 ** 30 }))).toBe("SHARED_MEMORY_FAILED");
  });

  test("a name that was taken away can be given anew, and those who have the old ring keep it", () => {
    using old = create();
    old.unlink();
    expect(readdirSync(directory())).toEqual([]);
    using fresh = create();
    words(old)[FIRST_RECORD] = 1;
    expect(words(fresh)[FIRST_RECORD]).toBe(0);
    old.unlink(); // is not its name any more
    expect(readdirSync(directory())).toEqual(["ring"]);
  });

  test("leaves no descriptor and no mapping behind", async () => {
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 200; round++) {
      const created = create();
      const opened = open();
      codeOf(create);
      codeOf(() => open("nothing"));
      opened.sleep(words(opened), 0, 0, 1); // differs
      if (round % 20 === 0) void opened.sleepAsync(words(opened), FIRST_RECORD, 0);
      created.unlink();
      created.close();
      opened.close();
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    await new Promise((resolve) => setImmediate(resolve)); // finalizers
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain(directory());
  });

  describe("a name that is taken", () => {
    test("by a ring that somebody has open is refused, whatever was asked", () => {
      using created = create();
      for (const stale of ["refuse", "join", "replace"]) {
        expect(() => create("ring", { stale })).toThrow(expect.objectContaining({ code: "RING_EXISTS" }));
        expect(() => create("ring", { stale })).toThrow(/is in use \(made by process \d+\)/);
      }
      using opened = open();
      created.close(); // the creator is gone, another one is there
      expect(() => create("ring", { stale: "replace" })).toThrow(/in use/);
      expect(words(opened)[0]).not.toBe(0);
    });

    test("by a ring that is left over is refused with a word on what to do", () => {
      create().close();
      expect(() => create()).toThrow(expect.objectContaining({ code: "RING_EXISTS" }));
      expect(() => create()).toThrow(/nobody uses it.*stale: "join".*stale: "replace"/);
    });

    test("by a ring that is left over: joined, it goes on where it stood, open again", () => {
      const first = create();
      words(first)[TAIL_WORD] = 640;
      words(first)[CLOSED_WORD] = 1;
      first.close();
      using second = create("ring", { stale: "join" });
      expect(words(second)[TAIL_WORD]).toBe(640);
      expect(words(second)[CLOSED_WORD]).toBe(0);
      expect(codeOf(() => create("ring", { stale: "join" }))).toBe("RING_EXISTS"); // it lives again
      using third = open();
      expect([0, 1, 128].map((place) => third.occupy(place))).toEqual([true, true, true]); // no lock is left
    });

    test("by a ring of another kind or capacity: it is not joined", () => {
      create().close();
      expect(codeOf(() => create("ring", { stale: "join", capacityBytes: 8192 }))).toBe("BAD_RING");
      expect(
        codeOf(() => SharedMemory.create("ring", "mpsc", { ...RING, directory: directory(), stale: "join" })),
      ).toBe("BAD_RING");
      expect(readdirSync(directory())).toEqual(["ring"]);
    });

    test("by a ring that is left over: replaced, it begins anew, of whatever version and kind it was", () => {
      const first = create();
      words(first)[TAIL_WORD] = 640;
      words(first)[VERSION_WORD] = 1;
      first.close();
      using second = create("ring", { stale: "replace", capacityBytes: 8192 });
      expect(words(second)[TAIL_WORD]).toBe(0);
      expect(second.buffer.byteLength).toBe(RING_HEADER_BYTES + 8192);
    });

    test("by what is no ring: it stays", () => {
      writeFileSync(join(directory(), "ring"), "somebody's own".repeat(100));
      expect(codeOf(() => create("ring", { stale: "replace" }))).toBe("BAD_RING");
      expect(readFileSync(join(directory(), "ring"), "latin1")).toContain("somebody's own");
    });
  });

  describe("the directory that it has by itself", () => {
    test("is made for this user alone, and accepted again", () => {
      const path = join(directory(), "own");
      expect(ownDirectory(path)).toBe(path);
      expect(statSync(path).mode & 0o777).toBe(0o700);
      expect(ownDirectory(path)).toBe(path);
      expect(pathOf("ring", undefined)).toBe(`/dev/shm/alphapulse-${process.getuid?.()}/ring`);
    });

    test("is refused where others could put files into it, or it leads elsewhere", () => {
      const path = join(directory(), "own");
      mkdirSync(path);
      chmodSync(path, 0o777);
      expect(() => ownDirectory(path)).toThrow(/open to writers/);
      chmodSync(path, 0o700);
      symlinkSync(path, join(directory(), "link"));
      expect(() => ownDirectory(join(directory(), "link"))).toThrow(/symbolic link/);
      rmSync(path, { recursive: true });
      writeFileSync(path, "");
      expect(codeOf(() => ownDirectory(path))).toBe("BAD_DIRECTORY");
      expect(codeOf(() => ownDirectory(join(directory(), "no/such")))).toBe("BAD_DIRECTORY");
    });
  });
});
