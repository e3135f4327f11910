import { existsSync } from "node:fs";
import { defineConfig } from "tsup";

/** What a program may load or start: the public subpaths, the entry of worker threads and child processes, the command line. */
const ENTRIES: Readonly<Record<string, string>> = {
  index: "src/index.ts",
  schema: "src/schema.ts",
  books: "src/books.ts",
  adapters: "src/adapters.ts",
  checksum: "src/checksum.ts",
  legacy: "src/legacy.ts",
  bench: "src/bench.ts",
  testing: "src/testing.ts",
  registry: "src/registry.ts",
  rings: "src/rings.ts",
  shm: "src/shm.ts",
  guards: "src/guards.ts",
  channels: "src/channels.ts",
  pool: "src/pool.ts",
  runner: "src/pipeline/runner.ts",
  cli: "src/cli/main.ts",
};

export default defineConfig({
  entry: Object.fromEntries(Object.entries(ENTRIES).filter(([, file]) => existsSync(file))),
  format: "esm",
  target: "node20",
  platform: "node",
  splitting: true, // classes and symbols exist once, whichever subpath brought them
  sourcemap: true,
  // Half the text is half the time to load it; names stay, for stack traces and the names of errors.
  esbuildOptions(options) {
    options.minifyWhitespace = true;
    options.minifySyntax = true;
    options.legalComments = "none";
  },
  clean: false, // scripts/build.mjs stages and cleans
  dts: false, // tsc emits the declarations
});
