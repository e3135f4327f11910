import { posix } from "node:path";
import ts from "typescript";

/** What a layer may import. A path narrower than a folder names files; `types` are layers of which only types may be used. */
interface Layer {
  readonly imports: readonly string[];
  readonly types?: readonly string[];
  /** Whether its files may import Node's own modules. */
  readonly node: boolean;
  /** Optional peers, which this layer alone imports. */
  readonly peers?: readonly string[];
}

/** The architecture: each layer imports itself and those named here. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  protocol: { imports: [], node: false },
  tlvs: { imports: ["protocol"], node: false },
  rings: { imports: ["protocol/errors", "protocol/message-buffer"], node: false },
  shm: { imports: ["protocol/errors", "rings"], node: true, peers: ["alphapulse-native-shm"] },
  books: { imports: ["protocol", "tlvs"], node: false },
  transports: { imports: ["protocol", "rings", "shm"], node: true },
  session: { imports: ["protocol", "tlvs", "transports"], node: true },
  relay: { imports: ["protocol", "tlvs", "transports"], node: true },
  guards: { imports: ["protocol"], types: ["transports"], node: false },
  channels: { imports: ["protocol", "tlvs", "transports/handler-failure"], types: ["transports"], node: false },
  pool: { imports: ["protocol", "transports", "session", "guards"], node: true },
  actor: { imports: ["protocol", "tlvs", "session"], types: ["transports"], node: true },
  pipeline: {
    imports: ["protocol", "tlvs", "rings", "books", "transports", "session", "relay", "actor"],
    node: true,
  },
  adapters: { imports: ["protocol", "tlvs", "books"], node: true },
  legacy: { imports: ["protocol", "tlvs"], node: false },
  cli: { imports: ["protocol", "tlvs"], node: true },
  bench: { imports: ["protocol/errors"], node: true, peers: ["tinybench"] },
  testing: { imports: ["protocol", "tlvs"], types: ["transports"], node: false, peers: ["fast-check"] },
  registry: { imports: ["protocol", "tlvs"], node: true, peers: ["@msgpack/msgpack"] },
};

/** Files directly in src/: they put subpaths together and may import every layer. */
const SUBPATHS = [
  "index",
  "schema",
  "books",
  "adapters",
  "checksum",
  "legacy",
  "bench",
  "testing",
  "registry",
  "rings",
  "shm",
  "guards",
  "channels",
  "pool",
];

const LINES_MAX = 450;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Sources by their path from src/, with forward slashes: `protocol/errors.ts`. */
export type Sources = ReadonlyMap<string, string>;

/** Every import, re-export, dynamic import and import type of a file. */
export function importsOf(file: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean) => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, false));
  return found;
}

/** Holds sources against the architecture. Returns one line per offence, so an empty list when all is well. */
export function offencesOf(sources: Sources, packages: readonly string[]): string[] {
  const offences: string[] = [];
  for (const [file, text] of sources) {
    offences.push(...placeOffences(file, text));
    for (const { specifier, typeOnly } of importsOf(file, text)) {
      const offence = specifier.startsWith(".")
        ? relativeOffence(sources, file, specifier, typeOnly)
        : packageOffence(file, specifier, packages);
      if (offence !== undefined) offences.push(`${file}: ${offence}`);
    }
  }
  return [...offences, ...cyclesOf(sources).map((cycle) => `import cycle: ${cycle.join(" -> ")}`)];
}

function placeOffences(file: string, text: string): string[] {
  const offences: string[] = [];
  const lines = text.trimEnd().split("\n").length;
  if (lines > LINES_MAX) offences.push(`${file}: ${lines} lines, more than ${LINES_MAX}`);
  if (file.split("/").includes("utils")) offences.push(`${file}: no folder is called utils`);
  const layer = layerOf(file);
  if (layer === undefined && !SUBPATHS.includes(posix.basename(file, ".ts"))) offences.push(`${file}: not a subpath`);
  if (layer !== undefined && !Object.hasOwn(LAYERS, layer)) offences.push(`${file}: ${layer} is no layer`);
  return offences;
}

function relativeOffence(sources: Sources, file: string, specifier: string, typeOnly: boolean): string | undefined {
  if (!specifier.endsWith(".js")) return `"${specifier}" does not end in .js`;
  const target = resolved(file, specifier);
  if (!sources.has(target)) return `"${specifier}" is no file of src/`;
  const from = layerOf(file);
  const to = layerOf(target);
  if (from === undefined || from === to) return undefined;
  if (to === undefined) return `a layer does not import the subpath ${target}`;
  const rules = LAYERS[from];
  if (rules === undefined) return undefined; // said by placeOffences
  const names = (allowed: readonly string[]) =>
    allowed.some((path) => target === `${path}.ts` || target.startsWith(`${path}/`));
  if (names(rules.imports)) return undefined;
  if (names(rules.types ?? []))
    return typeOnly ? undefined : `${from} imports ${target}, of which it may use only types`;
  return `${from} does not import ${target}: it may import ${rules.imports.join(", ") || "nothing"}`;
}

function packageOffence(file: string, specifier: string, packages: readonly string[]): string | undefined {
  const layer = layerOf(file);
  const node = layer === undefined ? true : LAYERS[layer]?.node === true;
  if (specifier.startsWith("node:")) return node ? undefined : `${layer} imports no "${specifier}"`;
  if (layer !== undefined && LAYERS[layer]?.peers?.includes(specifier)) return undefined;
  if (!packages.includes(specifier)) return `"${specifier}" is no dependency of the package`;
  return node ? undefined : `${layer} imports no package, not "${specifier}"`;
}

/** The cycles of imports that exist at run time, each from its first file back to it. */
export function cyclesOf(sources: Sources): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const { specifier, typeOnly } of importsOf(file, sources.get(file) ?? "")) {
      const target = specifier.startsWith(".") ? resolved(file, specifier) : "";
      if (!typeOnly && sources.has(target)) visit(target);
    }
    path.pop();
    done.add(file);
  };
  for (const file of sources.keys()) visit(file);
  return cycles;
}

function resolved(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts");
}

function layerOf(file: string): string | undefined {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined;
}
