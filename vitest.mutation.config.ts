import { defineConfig } from "vitest/config";
import base from "./vitest.config.js";

/** The tests that a mutant of the protocol layer has to survive: those that need nothing that was built. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/protocol/**/*.test.ts"],
    exclude: ["no-code-generation", "zero-allocation", "checksum-runtimes"].map(
      (name) => `test/protocol/${name}.test.ts`,
    ),
  },
});
