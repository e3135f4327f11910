import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LastLine } from "./test/support/last-line.js";

const dist = (file: string) => fileURLToPath(new URL(`./dist/${file}.js`, import.meta.url));

export default defineConfig({
  resolve: {
    // The package by its own name is what was built: workers and child processes load the same files.
    alias: [
      { find: /^alphapulse$/, replacement: dist("index") },
      {
        find: /^alphapulse\/(schema|books|adapters|checksum|legacy|bench|testing|registry|rings|shm|guards|channels|pool)$/,
        replacement: dist("$1"),
      },
    ],
  },
  test: {
    setupFiles: ["test/setup.ts"],
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 20_000,
    server: { deps: { external: [/\/dist\/[^/]+\.js$/, /\/build\/.+\.js$/] } }, // loaded by Node itself, not transformed
    reporters: ["default", new LastLine()],
    coverage: { provider: "v8", include: ["src/**/*.ts"], reporter: ["text-summary", "html"] },
  },
});
