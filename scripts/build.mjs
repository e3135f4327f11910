/**
 * Builds what is out of date. `node scripts/build.mjs [js] [types] [examples] [bench] [fuzz] [model] [soak] [--force]`, default: js types.
 *
 * A part is skipped when the digest of its inputs is the one it was last built from. Parts are staged under build/ and
 * moved into place file by file, so that a program that runs meanwhile meets whole files. All output goes to stderr:
 * standard output belongs to the program that runs after the build.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LOCK = "build/.lock";
const LOCK_WAIT_MS = 120_000;
process.chdir(ROOT);

const BUNDLED = { bundle: true, splitting: true, packages: "external" };

const PARTS = {
  js: {
    inputs: ["src", "tsup.config.ts", "package-lock.json"],
    output: "dist",
    owns: (file) => !file.startsWith(`types${sep}`),
    make: (stage) => run("node_modules/tsup/dist/cli-default.js", ["--silent", "--out-dir", stage]),
  },
  types: {
    inputs: ["src", "tsconfig.base.json", "tsconfig.build.json", "package-lock.json"],
    output: "dist",
    owns: (file) => file.startsWith(`types${sep}`),
    make: (stage) =>
      run("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json", "--outDir", join(stage, "types")]),
  },
  examples: { inputs: ["examples"], output: "build/examples", owns: () => true, make: compile("examples", {}) },
  // Bundled, so that a suite can also measure what the package does not export: import it from ../../src/.
  bench: { inputs: ["bench", "src"], output: "build/bench", owns: () => true, make: compile("bench", BUNDLED) },
  // With the sources of the library and of the tests in it.
  fuzz: { inputs: ["test", "src"], output: "build/fuzz", owns: () => true, make: compile("test/fuzz", BUNDLED) },
  model: {
    inputs: ["test", "src"],
    output: "build/model",
    owns: () => true,
    make: compile("test/rings/model", BUNDLED),
  },
  soak: { inputs: ["test", "src"], output: "build/soak", owns: () => true, make: compile("test/soak", BUNDLED) },
};

const args = process.argv.slice(2);
const force = args.includes("--force");
const wanted = args.filter((arg) => arg !== "--force");
for (const name of wanted) {
  if (!Object.hasOwn(PARTS, name)) fail(`build: there is no part "${name}": ${Object.keys(PARTS).join(", ")}, --force`);
}
if (wanted.length === 0) wanted.push("js", "types");

if (wanted.some((name) => force || digestOf(name) !== builtFrom(name))) {
  await locked(async () => {
    const results = await Promise.all(wanted.map(build));
    if (results.includes(false)) process.exitCode = 1;
  });
}

/** Builds one part if it is out of date. Returns false when it failed; its compiler has said why. */
async function build(name) {
  const part = PARTS[name];
  const digest = digestOf(name);
  if (!force && digest === builtFrom(name)) return true;
  const started = performance.now();
  const stage = `build/.stage-${name}-${process.pid}`;
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  try {
    if (!(await part.make(stage))) {
      log(`build: ${name} failed`);
      return false;
    }
    replace(stage, part);
    writeFileSync(stampOf(name), digest);
    log(`build: ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return true;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Moves the staged files over the old ones; chunks go before the entries that name them, what is left over goes last. */
function replace(stage, part) {
  const isEntry = (file) => !file.startsWith("chunk-");
  const fresh = filesUnder(stage).map((file) => relative(stage, file));
  fresh.sort((a, b) => Number(isEntry(a)) - Number(isEntry(b)));
  for (const file of fresh) {
    mkdirSync(dirname(join(part.output, file)), { recursive: true });
    renameSync(join(stage, file), join(part.output, file));
  }
  if (!existsSync(part.output)) return;
  const kept = new Set(fresh);
  for (const file of filesUnder(part.output).map((path) => relative(part.output, path))) {
    if (part.owns(file) && !kept.has(file)) rmSync(join(part.output, file));
  }
}

/** Turns every .ts of a folder into .js, each at its place, and copies what is already JavaScript or data. */
function compile(folder, options) {
  return async (stage) => {
    const files = existsSync(folder) ? filesUnder(folder) : [];
    const sources = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
    for (const file of files.filter((path) => /\.(mjs|js|json|html|css)$/.test(path))) {
      if (/(^|[\\/])package(-lock)?\.json$/.test(file)) continue; // would end the package's scope in build/
      const target = join(stage, relative(folder, file));
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(file, target);
    }
    if (sources.length === 0) return true;
    const { build: esbuild } = await import("esbuild");
    try {
      await esbuild({
        entryPoints: sources,
        outdir: stage,
        outbase: folder,
        format: "esm",
        platform: "node",
        target: "node20",
        sourcemap: true,
        logLevel: "warning",
        ...options,
      });
      return true;
    } catch {
      return false; // esbuild has printed its errors
    }
  };
}

/** A digest over paths and contents of a part's inputs. */
function digestOf(name) {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  for (const input of PARTS[name].inputs.filter((path) => existsSync(path))) {
    for (const file of statSync(input).isDirectory() ? filesUnder(input) : [input]) {
      hash.update(`${file}\n`).update(readFileSync(file)).update("\n");
    }
  }
  return hash.digest("hex");
}

/** The digest that a part was last built from, or undefined when its output is gone. */
function builtFrom(name) {
  const { output, owns } = PARTS[name];
  if (!existsSync(stampOf(name)) || !existsSync(output)) return undefined;
  if (!filesUnder(output).some((file) => owns(relative(output, file)))) return undefined;
  return readFileSync(stampOf(name), "utf8");
}

function stampOf(name) {
  return `build/.built-${name}`;
}

function filesUnder(folder) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) found.push(path);
    else if (entry.name !== "node_modules") found.push(...filesUnder(path));
  }
  return found.sort();
}

/** One build at a time: two at once would remove each other's files. A lock whose owner is dead is taken over. */
async function locked(work) {
  mkdirSync("build", { recursive: true });
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (ownerIsDead()) rmSync(LOCK, { force: true });
      else if (performance.now() > deadline) fail(`build: another build holds ${LOCK} for ${LOCK_WAIT_MS / 1000} s`);
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  try {
    await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function ownerIsDead() {
  try {
    const owner = Number(readFileSync(LOCK, "utf8"));
    if (!(owner > 0)) return performance.timeOrigin + performance.now() - statSync(LOCK).mtimeMs > 1_000;
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Runs a Node program with its output on our stderr; resolves to whether it succeeded. */
function run(program, args) {
  return new Promise((resolve) => {
    spawn(process.execPath, [program, ...args], { stdio: ["ignore", 2, 2] })
      .on("error", () => resolve(false))
      .on("exit", (code) => resolve(code === 0));
  });
}

function log(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  log(line);
  process.exit(2);
}
