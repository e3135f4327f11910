/**
 * What importing each subpath loads: its module and all of this package that it imports statically, minified,
 * tree-shaken to all of its exports. Optional peers are named, not counted: they are the user's own. What is loaded later, when it is first used (transports, sessions, running pipelines), stands beside it.
 * `node scripts/size.mjs`: a table, and exit 1 when a budget is exceeded; with --json the rows, to be judged by who reads
 * them. Needs dist/.
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PEERS = Object.keys(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).peerDependencies ?? {});

/**
 * The only table of budgets, in bytes minified: none may grow past its own unnoticed. The goal for the root is 40,000;
 * docs/performance.md says how far it is.
 */
const BUDGETS = {
  index: 114_000,
  schema: 41_500,
  books: 12_000,
  adapters: 84_000,
  checksum: 7_500,
  legacy: 76_000,
  bench: 8_000,
  testing: 102_000,
  registry: 80_000,
  rings: 24_000,
  shm: 12_000,
  guards: 13_500,
  channels: 67_000,
  pool: 30_000,
};

const rows = await Promise.all(Object.entries(BUDGETS).map(([entry, budgetBytes]) => measure(entry, budgetBytes)));

if (process.argv.includes("--json")) {
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
} else {
  if (rows.some(({ bytes, budgetBytes }) => bytes > budgetBytes)) process.exitCode = 1;
  for (const { subpath, bytes, laterBytes, gzipBytes, budgetBytes, packages } of rows) {
    const verdict = bytes <= budgetBytes ? "ok  " : "OVER";
    const brings = packages.length > 0 ? `, with ${packages.join(", ")}` : "";
    process.stdout.write(
      `${verdict} ${subpath.padEnd(20)} ${kB(bytes)} of ${kB(budgetBytes)} minified, ${kB(gzipBytes)} gzip; ${kB(laterBytes)} later${brings}\n`,
    );
  }
}

async function measure(entry, budgetBytes) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, `dist/${entry}.js`)],
    bundle: true,
    minify: true,
    splitting: true,
    outdir: join(ROOT, "build/size"),
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    external: PEERS,
    target: "node20",
    logLevel: "warning",
    logOverride: { "ignored-bare-import": "silent" }, // chunks have no side effects, and that is meant
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [relative(ROOT, path), contents]));
  const loaded = new Set();
  const load = (file) => {
    if (loaded.has(file) || !files.has(file)) return;
    loaded.add(file);
    for (const { path, kind } of metafile.outputs[file].imports) if (kind === "import-statement") load(path);
  };
  load(`build/size/${entry}.js`);
  const packages = new Set();
  for (const { inputs, imports } of Object.values(metafile.outputs)) {
    for (const { path } of imports) if (PEERS.includes(path)) packages.add(path);
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const inPackage = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file);
      if (inPackage !== null && bytesInOutput > 0) packages.add(inPackage[1]);
    }
  }
  const code = Buffer.concat([...loaded].map((file) => files.get(file)));
  const laterBytes = [...files].reduce((sum, [file, { byteLength }]) => sum + (loaded.has(file) ? 0 : byteLength), 0);
  return {
    subpath: entry === "index" ? "alphapulse" : `alphapulse/${entry}`,
    bytes: code.byteLength,
    laterBytes,
    gzipBytes: gzipSync(code).byteLength,
    budgetBytes,
    packages: [...packages].sort(),
  };
}

function kB(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
