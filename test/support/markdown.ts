/** A fenced block of a page. */
export interface Block {
  /** As in ```ts. */
  readonly language: string;
  /** Whether its fence says ```ts ignore. */
  readonly isIgnored: boolean;
  readonly code: string;
  /** The line of its first line of code, from 1. */
  readonly line: number;
  /** Whether it is the first block after a line {@link RUNS} or {@link RUNS_WITH_ADDON}. */
  readonly isRun: boolean;
  /** Whether it can run only where the native addon is built. */
  readonly needsAddon: boolean;
}

/** The line that marks the next block as one that is run. */
const RUNS = "<!-- runs in CI -->";
const RUNS_WITH_ADDON = "<!-- runs in CI where the native addon is built -->";

/** All fenced blocks of a page. @throws Error where one is not closed */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; isIgnored: boolean; line: number; code: string[] } | undefined;
  let mark: string | undefined;
  for (const [index, line] of page.split("\n").entries()) {
    const [, language, note] = /^```(\S*)\s*(.*)$/.exec(line) ?? [];
    if (open !== undefined && line === "```") {
      const code = `${open.code.join("\n")}\n`;
      blocks.push({ ...open, code, isRun: mark !== undefined, needsAddon: mark === RUNS_WITH_ADDON });
      open = undefined;
      mark = undefined;
    } else if (open !== undefined) open.code.push(line);
    else if (language !== undefined) open = { language, isIgnored: note === "ignore", line: index + 2, code: [] };
    else if (line === RUNS || line === RUNS_WITH_ADDON) mark = line;
  }
  if (open !== undefined) throw new Error(`the block at line ${open.line} is not closed`);
  return blocks;
}

/** The page without its fenced blocks. */
function proseOf(page: string): string {
  return page.replace(/^```[\s\S]*?^```$/gm, "");
}

/** The targets of all links of a page, as they are written. */
export function linksOf(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(page).matchAll(/^#+ (.+)$/gm)) {
    const words = (heading as string).toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "");
    anchors.add(words.trim().replace(/\s/g, "-"));
  }
  return anchors;
}

/** The cells of every table row of a page whose first cell is code, without its back quotes. */
export function codeRowsOf(page: string): string[][] {
  const rows: string[][] = [];
  for (const line of proseOf(page).split("\n")) {
    if (!line.startsWith("| `")) continue;
    const cells = line.split(/(?<!\\)\|/).slice(1, -1);
    rows.push(cells.map((cell) => cell.trim()));
  }
  return rows.map(([first = "", ...others]) => [/^`([^`]*)`/.exec(first)?.[1] ?? "", ...others]);
}
