import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { Summary } from "../../examples/demo/summary.js";

const DEMO = fileURLToPath(new URL("../../build/examples/demo/main.js", import.meta.url));
const DATA = fileURLToPath(new URL("../../../shared/data/binance-load/", import.meta.url));
const SPOT = join(DATA, "spot_btcusdt_20240808.txt.gz");
const SPOT_NEXT_DAY = SPOT.replace("20240808", "20240809");
const PERPETUAL = join(DATA, "usdm_btcusdt_20240808.txt.gz");
const folder = mkdtempSync(join(tmpdir(), "alphapulse-demo-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function demo(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [DEMO, ...args], { maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

async function summaryOf(...args: string[]): Promise<Summary> {
  const { code, stdout, stderr } = await demo(...args, "--json");
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split("\n"), "one JSON object and nothing else").toHaveLength(1);
  return JSON.parse(stdout) as Summary;
}

describe("the demo, simulated", { timeout: 60_000 }, () => {
  test("ends in closed books, and gives the same digest for the same seed alone", async () => {
    const first = await summaryOf("--seconds", "40");
    const again = await summaryOf("--seconds", "40");
    const other = await summaryOf("--seconds", "40", "--seed", "another");
    expect(first.booksClosed).toBe(true);
    expect(first.fills).toBeGreaterThan(50);
    expect(first.orders).toBeGreaterThan(40);
    expect(Object.values(first.rejects).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    expect(first.tickToOrderUs.count).toBeGreaterThan(20);
    for (const { books } of first.feeds) for (const book of books) expect(book.tickersDisagreed).toBe(0);
    expect(again.digest).toBe(first.digest);
    expect(again.books).toEqual(first.books);
    expect(other.digest).not.toBe(first.digest);
  });

  test.each(["worker", "process"])("closes its books in placement %s too", async (placement) => {
    const summary = await summaryOf("--seconds", "60", "--placement", placement);
    expect(summary).toMatchObject({ booksClosed: true, placement });
    expect(summary.fills).toBeGreaterThan(0);
  });

  test("prints plain lines and a table, and keeps the messages where it is told", async () => {
    const file = join(folder, "execution.bin");
    const { code, stdout, stderr } = await demo("--seconds", "40", "--record", file);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^\d\d:\d\d:\d\d quotes\/s=\d+ signals=\d+ orders=\d+ fills=\d+ rejects=\d+ profit=-?[\d.]+$/m,
    );
    expect(stdout).toMatch(/^ +BTCUSDT spot bid=[\d.]+ ask=[\d.]+ position=-?[\d.]+$/m);
    expect(stdout).toMatch(/^tick to order +p50 [\d.]+ µs {2}p99 [\d.]+ µs {2}p99\.9 [\d.]+ µs/m);
    expect(stdout).toMatch(/^audit +books closed/m);
    expect(readFileSync(file).byteLength).toBeGreaterThan(10_000);
  });
});

describe.skipIf(!existsSync(SPOT))(
  "the demo on recorded data (skipped without ../shared/data)",
  { timeout: 120_000 },
  () => {
    test("trades the basis of BTCUSDT, alike twice, and its books agree with the recording's tickers", async () => {
      const files = ["--replay", SPOT, "--replay", PERPETUAL];
      const first = await summaryOf(...files);
      const again = await summaryOf(...files);
      const longer = await summaryOf(...files, "--replay", SPOT_NEXT_DAY);
      expect(first).toMatchObject({ booksClosed: true, frames: 135_203 });
      expect(first.fills).toBeGreaterThanOrEqual(100);
      expect(Object.keys(first.rejects)).not.toHaveLength(0);
      expect(first.feeds.flatMap(({ books }) => books)).toMatchObject([
        { symbol: "BTCUSDT", state: "live", gaps: 0, crossed: 0, tickersAgreed: 564, tickersDisagreed: 0 },
        { symbol: "BTCUSDT", state: "live", gaps: 0, crossed: 0, tickersAgreed: 629, tickersDisagreed: 0 },
      ]);
      expect(again.digest).toBe(first.digest);
      expect(longer).toMatchObject({ booksClosed: true });
      expect(longer.fills).toBeGreaterThanOrEqual(100);
      expect(longer.digest).not.toBe(first.digest);
    });

    test.each(["worker", "process"])("closes its books in placement %s too", async (placement) => {
      const summary = await summaryOf("--replay", SPOT, "--replay", PERPETUAL, "--placement", placement);
      expect(summary).toMatchObject({ booksClosed: true, frames: 135_203 });
      expect(summary.fills).toBeGreaterThan(0);
    });
  },
);

describe("the demo, used wrongly", () => {
  const garbage = join(folder, "garbage.txt.gz");
  const cut = join(folder, "cut.txt.gz");
  const strange = join(folder, "strange.txt");
  const recording = gzipSync(
    `1723161254087891268 {"stream":"x@trade","data":{"e":"trade","s":"X","M":true}}\n`.repeat(2_000),
  );
  writeFileSync(garbage, "\x1f\x8b this is no gzip");
  writeFileSync(cut, recording.subarray(0, recording.length - 20));
  writeFileSync(strange, "hello\n");

  test.each([
    [["--frobnicate"], 2, /--frobnicate/],
    [["extra"], 2, /extra/],
    [["--replay", join(folder, "absent.gz")], 2, /absent\.gz: there is no such file/],
    [["--replay", folder], 2, /is a directory/],
    [["--replay"], 2, /--replay/],
    [["--speed", "fast"], 2, /--speed fast: expected max, or a number above 0/],
    [["--speed", "0"], 2, /--speed 0/],
    [["--placement", "moon"], 2, /--placement moon: expected thread, worker or process/],
    [["--seconds", "none"], 2, /--seconds none/],
    [["--replay", strange, "--seconds", "5"], 2, /--seconds is for the simulator/],
    [["--replay", garbage], 1, /garbage\.txt\.gz/],
    [["--replay", cut], 1, /cut\.txt\.gz/],
    [["--replay", strange], 1, /strange\.txt: its frames are of none/],
    [["--seconds", "5", "--record", join(folder, "no", "such", "folder")], 1, /no such file or directory/],
  ])("%j: exit %i and one clear line", async (args, expected, what) => {
    const { code, stdout, stderr } = await demo(...args);
    expect(stderr).toMatch(what);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(code).toBe(expected);
    expect(stdout).not.toContain("    at ");
  });

  test("says how it is used when asked", async () => {
    const { code, stdout } = await demo("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("--placement");
  });
});
