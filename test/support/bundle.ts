import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A TypeScript program of the tests as a file that a worker thread or a process can run, with all that it imports. */
export async function bundled(source: URL): Promise<{ readonly file: string; remove(): void }> {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-bundle-"));
  const file = join(directory, "program.mjs");
  await build({
    entryPoints: [fileURLToPath(source)],
    outfile: file,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "silent",
  });
  return { file, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
