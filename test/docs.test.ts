import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, describe, expect, test } from "vitest";
import * as alphapulse from "../src/index.js";
import { ALL_TLVS } from "../src/tlvs/all.js";
import { hasNative } from "./shm/processes.js";
import { LAYERS } from "./support/layers.js";
import { anchorsOf, type Block, blocksOf, codeRowsOf, linksOf } from "./support/markdown.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const pages = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];
const text = (page: string): string => readFileSync(join(ROOT, page), "utf8");
/** Within the package, so that `alphapulse` leads to its own dist/. */
const work = join(ROOT, "build", `docs-${process.pid}`);
afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Snippet extends Block {
  readonly page: string;
  /** What it is said to print: the next block, where that is `text`. */
  readonly output: string | undefined;
}

/** Blocks of TypeScript and JavaScript. */
const snippets: readonly Snippet[] = pages.flatMap((page) =>
  blocksOf(text(page)).flatMap((block, index, all) => {
    const next = all[index + 1];
    const output = next?.language === "text" ? next.code : undefined;
    return ["ts", "js"].includes(block.language) ? [{ ...block, page, output }] : [];
  }),
);
const isTypeScript = ({ language }: Block): boolean => language === "ts";
const nameOf = ({ page, line }: Snippet): string => `${page.replaceAll("/", "-").replace(/\.md$/, "")}-${line}`;

describe("code in the documentation", () => {
  const run = snippets.filter(({ isRun }) => isRun);
  const runsHere = run.filter(({ needsAddon }) => hasNative || !needsAddon);

  test("the README has an example that runs", () => {
    expect(run.filter(({ page }) => page === "README.md")).toHaveLength(1);
  });

  test.each(runsHere.map((snippet) => [`${snippet.page}:${snippet.line}`, snippet] as const))(
    "%s runs",
    async (_, found) => {
      mkdirSync(work, { recursive: true });
      const file = join(work, `${nameOf(found)}.mjs`);
      const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
      writeFileSync(file, isTypeScript(found) ? ts.transpile(found.code, options) : found.code);
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: work, timeout: 15_000 });
      expect(stderr).toBe("");
      expect(stdout).not.toBe("");
      if (found.output !== undefined) expect(stdout).toBe(found.output);
    },
  );

  test("every block of TypeScript type-checks", () => {
    const checked = snippets.filter((snippet) => isTypeScript(snippet) && !snippet.isIgnored);
    expect(checked.length).toBeGreaterThan(5);
    expect(typeErrorsOf(checked)).toEqual([]);
  }, 60_000);

  test("the check of types finds an error, and says where it is", () => {
    const wrong = { ...(snippets[0] as Snippet), page: "page.md", line: 10, code: "export {};\nnope();\n" };
    expect(typeErrorsOf([wrong])).toEqual(["page.md:11: Cannot find name 'nope'."]);
  }, 60_000);
});

/** What the compiler says of blocks, each with its page and line. */
function typeErrorsOf(checked: readonly Snippet[]): string[] {
  const configFile = join(ROOT, "tsconfig.json");
  const { config } = ts.readConfigFile(configFile, ts.sys.readFile) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, { noUnusedLocals: false }, configFile);
  const files = new Map(checked.map((snippet) => [join(work, `${nameOf(snippet)}.ts`), snippet]));
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.getSourceFile = (file, version, ...rest) => {
    const code = files.get(file)?.code;
    return code === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, code, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const errors: string[] = [];
  for (const [file, snippet] of files) {
    const source = program.getSourceFile(file) as ts.SourceFile;
    for (const found of [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]) {
      const line = ts.getLineAndCharacterOfPosition(source, found.start ?? 0).line;
      errors.push(`${snippet.page}:${snippet.line + line}: ${ts.flattenDiagnosticMessageText(found.messageText, " ")}`);
    }
  }
  return errors;
}

/** The relative links of a page that lead to no file, or to no heading of one. */
function lostLinks(page: string, content: string): string[] {
  return linksOf(content).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? join(ROOT, page) : resolve(ROOT, dirname(page), decodeURIComponent(path));
    if (relative(ROOT, target).startsWith("..") || !existsSync(target)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(target, "utf8")).has(anchor);
  });
}

test("no page has a placeholder left in it", () => {
  for (const page of pages) expect(text(page), page).not.toMatch(/[«»]/);
});

describe("links", () => {
  test.each(pages)("every relative link of %s leads somewhere", (page) => {
    expect(lostLinks(page, text(page))).toEqual([]);
  });

  test("a link to a file or heading that is not there is found, but not in code", () => {
    const page =
      "[a](errors.md) [b](errors.md#recordings) [c](nothing.md) [d](errors.md#nothing)\n```text\n[e](gone.md)\n```\n";
    expect(lostLinks("docs/made-up.md", page)).toEqual(["nothing.md", "errors.md#nothing"]);
  });

  test("the index names every page and every example", () => {
    const linked = new Set(linksOf(text("docs/README.md")).map((link) => join("docs", link.split("#")[0] as string)));
    const examples = readdirSync(join(ROOT, "examples")).filter((file) => /^\d\d-.+\.ts$/.test(file));
    const expected = [
      ...pages.filter((page) => page.startsWith("docs/") && basename(page) !== "README.md"),
      ...examples.map((file) => `examples/${file}`),
    ];
    expect(expected.filter((path) => !linked.has(path))).toEqual([]);
  });
});

/** Words in capitals that the sources match on and that are the system's, not codes of ours. */
const SYSTEM_WORDS = [
  "EADDRINUSE",
  "EBUSY",
  "EAGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EEXIST",
  "EFBIG",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "EMSGSIZE",
  "ENODEV",
  "ENOENT",
  "ENOTDIR",
  "ENXIO",
  "EOPNOTSUPP",
  "EPIPE",
  "SIGINT",
  "SIGKILL",
  "SIGTERM",
];

describe("tables that repeat what the sources say", () => {
  test("docs/errors.md lists every code that the sources raise, and no other", () => {
    const raised = new Set<string>();
    const sources = readdirSync(join(ROOT, "src"), { recursive: true }) as string[];
    for (const file of sources.filter((path) => path.endsWith(".ts"))) {
      const visit = (node: ts.Node): void => {
        if (ts.isStringLiteralLike(node) && /^[A-Z]{3}[A-Z0-9]*(_[A-Z0-9]+)*$|^[A-Z]{2,}_[A-Z0-9_]+$/.test(node.text))
          raised.add(node.text);
        ts.forEachChild(node, visit);
      };
      visit(ts.createSourceFile(file, text(join("src", file)), ts.ScriptTarget.ES2022, false));
    }
    for (const word of SYSTEM_WORDS) raised.delete(word);
    expect(raised).toContain("UNHANDLED_GAP"); // the search finds what it looks for
    const listed = codeRowsOf(text("docs/errors.md")).flatMap(([first = ""]) =>
      /^[A-Z_]+$/.test(first) ? [first] : [],
    );
    expect(listed.sort()).toEqual([...raised].sort());
  });

  test("docs/messages.md lists every TLV with its type, domain and bytes", () => {
    const domains = ["any", "MarketData", "Signal", "Execution", "System"];
    const expected = ALL_TLVS.map(({ name, type, domain, layout: { fixedBytes, variable } }) =>
      [
        `${name}TLV`,
        `${type}`,
        domains[domain],
        variable.length > 0 ? `at least ${fixedBytes}` : `${fixedBytes}`,
      ].join(),
    );
    const listed = codeRowsOf(text("docs/messages.md"))
      .filter(([name = ""]) => name.endsWith("TLV"))
      .map((cells) => cells.slice(0, 4).join());
    expect(listed.sort()).toEqual(expected.sort());
    for (const { name } of ALL_TLVS) expect(alphapulse).toHaveProperty(`${name}TLV`);
  });

  test("docs/architecture.md says of each layer what it may import", () => {
    const expected = Object.entries(LAYERS).map(([layer, { imports, types = [], node }]) => {
      const allowed = [...imports, ...types.map((type) => `${type} (types)`)];
      return `src/${layer}/: ${allowed.join(", ") || "nothing"}; node: ${node ? "yes" : "no"}`;
    });
    const listed = codeRowsOf(text("docs/architecture.md"))
      .filter(([folder = ""]) => folder.startsWith("src/"))
      .map(([folder, , imports, node]) => `${folder}: ${imports}; node: ${node}`);
    expect(listed.sort()).toEqual(expected.sort());
  });
});
