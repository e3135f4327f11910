import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { native } from "../../src/shm/native.js";
import { codeOf, hasNative, useDirectory } from "./processes.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

if (!hasNative) console.log("skipped: memory between processes, because the addon is not built (npm run build:native)");

const directory = useDirectory();

describe("without the native addon", () => {
  /** The package alone, where nothing is installed beside it. */
  const alone = async (prelude: string): Promise<string[]> => {
    cpSync(join(ROOT, "dist"), join(directory(), "dist"), {
      recursive: true,
      filter: (path) => !path.endsWith("types"),
    });
    const module = pathToFileURL(join(directory(), "dist/shm.js")).href;
    const code = `
      ${prelude}
      const { affinity, numaTopology, pinThread, SharedMemory } = await import(${JSON.stringify(module)});
      const uses = [() => SharedMemory.create("ring", "spsc", { capacityBytes: 1024 }), () => SharedMemory.open("ring", "spsc"),
        () => pinThread([0]), affinity, numaTopology];
      for (const use of uses) try { use(); console.log("works"); } catch (error) { console.log(error.code + " " + error.message); }`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code]);
    return stdout.trim().split("\n");
  };

  test.skipIf(process.platform !== "linux")("the subpath loads, and what needs it says what to do", async () => {
    const answers = await alone("");
    expect(answers).toHaveLength(5);
    for (const answer of answers.slice(0, 4)) {
      expect(answer).toMatch(/^NATIVE_MISSING .*npm install alphapulse-native-shm.*npm run build:native/);
    }
    expect(answers[4]).toBe("works"); // reads files of the kernel only
  });

  test("on another system nothing of it is supported, and that is said", async () => {
    const answers = await alone(`Object.defineProperty(process, "platform", { value: "darwin" });`);
    for (const answer of answers) expect(answer).toMatch(/^UNSUPPORTED .*Linux.*darwin/);
  });

  test("building it ends well only where it is optional", () => {
    const build = (...args: string[]) =>
      spawnSync(process.execPath, [join(ROOT, "native-shm/build.mjs"), ...args], {
        env: { ...process.env, CC: "no-such-compiler" },
        encoding: "utf8",
      });
    expect(build("--optional")).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("not built: there is no C"),
    });
    expect(build()).toMatchObject({ status: 1, stderr: expect.stringContaining("not built") });
  });
});

describe.skipIf(!hasNative)("the native addon", () => {
  test("is packed with its binary, types and sources, and nothing else", async () => {
    const args = ["pack", "-w", "native-shm", "--dry-run", "--json", "--silent", "--ignore-scripts"];
    const { stdout } = await promisify(execFile)("npm", args, { cwd: ROOT });
    const [{ files, name }] = JSON.parse(stdout);
    const paths: string[] = files.map(({ path }: { path: string }) => path);
    expect(name).toBe("alphapulse-native-shm");
    expect(paths).toContain(`prebuilds/${process.platform}-${process.arch}/native-shm.node`);
    expect(paths).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "README.md", "LICENSE", "package.json"]));
    const known =
      /^(prebuilds\/[a-z0-9-]+\/native-shm\.node|src\/[a-z]+\.[ch]|build\.mjs|index\.(js|d\.ts)|[A-Z]+(\.md)?|package\.json)$/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
    expect(existsSync(join(ROOT, "native-shm/binding.gyp"))).toBe(false); // npm would compile it
  });

  test("refuses what is no segment, and arguments that cannot be", () => {
    const segment = native().createSegment(directory(), 4096, 0o600);
    // biome-ignore lint/suspicious/noExplicitAny: wrong arguments are what is tested
    const addon = native() as unknown as Record<string, (...args: any[]) => unknown>;
    const wrong: [string, ...unknown[]][] = [
      ["closeSegment"],
      ["closeSegment", {}],
      ["futexWait", Object.create(segment), 0, 0, 1],
      ["futexWait", segment, 2, 0, 1],
      ["futexWait", segment, 4096, 0, 1],
      ["futexWait", segment, -4, 0, 1],
      ["futexWait", segment, 0, "0", 1],
      ["futexWake", segment, 0],
      ["startWaiting", segment, 0, 0],
      ["startWaiting", segment, 0, 0, "call me"],
      ["startWaiting", segment, 4094, 0, () => {}],
      ["lockPlaces", segment, -1, 1, false],
      ["lockPlaces", segment, 0, 0, false],
      ["lockPlaces", segment, 0, 1],
      ["createSegment", directory(), 0, 0o600],
      ["createSegment", directory(), -5, 0o600],
      ["createSegment", directory(), 4096, 0o1000],
      ["createSegment", 7, 4096, 0o600],
      ["openSegment", directory()],
      ["pinThread", [-1]],
      ["pinThread", [{}]],
    ];
    for (const [name, ...args] of wrong)
      expect(
        codeOf(() => addon[name]?.(...args)),
        `${name}(${args})`,
      ).toBe("EINVAL");
    expect(codeOf(() => native().openSegment(`/${"x".repeat(5000)}`, 1))).toBe("ENAMETOOLONG");
    native().closeSegment(segment);
    for (const use of [
      () => native().closeSegment(segment),
      () => native().futexWake(segment, 0, 1),
      () => native().lockPlaces(segment, 0, 1, false),
      () => native().linkSegment(segment, join(directory(), "name")),
    ]) {
      expect(codeOf(use)).toBe("EBADF");
    }
  });
});
