/**
 * Compiles the addon: `npm run build:native` in the repository, or `node build.mjs` in this folder. Writes
 * prebuilds/<platform>-<arch>/native-shm.node with the C compiler named by CC, or cc. With --optional it ends well where
 * there is none, or the system is not Linux: all that needs the addon says so itself.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL(".", import.meta.url));
const FLAGS = [
  "-std=gnu11",
  "-O2",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fPIC",
  "-shared",
  "-pthread",
  "-fvisibility=hidden",
];
const optional = process.argv.includes("--optional");
const compiler = process.env.CC || "cc";
const output = join(ROOT, "prebuilds", `${process.platform}-${process.arch}`, "native-shm.node");

if (process.platform !== "linux") fail(`the addon is for Linux, this is ${process.platform}`);
else if (spawnSync(compiler, ["--version"]).error !== undefined) fail(`there is no C compiler "${compiler}"`);
else build();

function build() {
  const sources = readdirSync(join(ROOT, "src")).map((file) => join(ROOT, "src", file));
  const include = headers();
  const fresh = `${output}.${process.pid}`; // a program that runs meanwhile has the old file, whole
  mkdirSync(dirname(output), { recursive: true });
  const { status } = spawnSync(
    compiler,
    [...FLAGS, "-DNAPI_VERSION=8", `-I${include}`, ...sources.filter((file) => file.endsWith(".c")), "-o", fresh],
    { stdio: ["ignore", 2, 2] },
  );
  if (status !== 0) {
    process.stderr.write(`native-shm: ${compiler} failed\n`);
    process.exitCode = 1; // with --optional too: there is a compiler, so the sources are wrong
    return;
  }
  renameSync(fresh, output);
  process.stderr.write(`native-shm: ${relative(process.cwd(), output)}, ${statSync(output).size} bytes\n`);
}

/** The folder of node_api.h: of the package node-api-headers, or of the Node that runs this. */
function headers() {
  try {
    return require("node-api-headers").include_dir;
  } catch {
    const include = join(dirname(process.execPath), "../include/node");
    if (existsSync(join(include, "node_api.h"))) return include;
    throw new Error("there are no headers of Node-API: npm install node-api-headers");
  }
}

function fail(why) {
  process.stderr.write(`native-shm: not built: ${why}${optional ? "; all that does not need it works" : ""}\n`);
  if (!optional) process.exitCode = 1;
}
