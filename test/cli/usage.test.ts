import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { decode } from "../../src/cli/decode.js";
import { encode } from "../../src/cli/encode.js";
import { schema } from "../../src/cli/schema.js";
import { verify } from "../../src/cli/verify.js";
import { describeTLV } from "../../src/protocol/schema/description.js";
import { ALL_TLVS } from "../../src/tlvs/all.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { readVectors } from "../vectors.js";
import { alphapulse, CLI } from "./command.js";

const COMMANDS = [decode, encode, verify, schema];
const [golden] = readVectors<{ hex: string }>("valid") as [{ hex: string }];
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of it
const COLOUR = /\u001b\[/;

describe("help", () => {
  test("names the commands; without arguments it is wrong usage", async () => {
    const help = await alphapulse(["--help"]);
    expect(help.code).toBe(0);
    for (const { name } of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(await alphapulse([])).toEqual({ code: 2, stdout: "", stderr: help.stdout });
  });

  test.each(COMMANDS)("of $name lists every option", async ({ name, options }) => {
    const { code, stdout } = await alphapulse([name, "--help"]);
    expect(code).toBe(0);
    expect((await alphapulse(["help", name])).stdout).toBe(stdout);
    for (const [option, { value = "", help }] of Object.entries(options)) {
      expect(stdout).toMatch(new RegExp(`--${option} ?${value} +`));
      expect(stdout).toContain(help);
    }
    expect(stdout).toContain("--help");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(125);
  });

  test("--version is that of the package", async () => {
    expect(await alphapulse(["--version"])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
  });
});

describe("wrong usage exits with 2 and says why", () => {
  test.each([
    [["frob"], 'there is no command "frob"'],
    [["decode", "--nope"], "--nope"],
    [["decode", "--json", "--pretty", "00"], "either --json or --pretty"],
    [["decode", "--checksum", "md5", "00"], "--checksum md5 is none of auto, crc32c, crc32, none"],
    [["decode", "--max-payload", "99999999", "00"], "--max-payload 99999999"],
    [["decode", "--entries", "-1"], "--entries"],
    [["decode", "--file", "a", "00"], "either --file or messages as arguments"],
    [["decode", "--file", "/nonexistent/file"], "/nonexistent/file"],
    [["decode", "--file", "/"], "/: "],
    [["encode", "--out", "a", "--base64", "{}"], "either --base64 or --out"],
    [["encode", "--file", "/nonexistent/file"], "/nonexistent/file"],
    [["encode", "--out", "/nonexistent/file", '{"header":{"relayDomain":1},"tlvs":[]}'], "/nonexistent/file"],
    [["schema", "Nope"], "there is no type Nope"],
    [["schema", "0"], "there is no type 0"],
    [["schema", "Trade", "Quote"], "one name or type at a time"],
  ])("%j", async (args, said) => {
    const { code, stdout, stderr } = await alphapulse(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^(USAGE|UNREADABLE): /);
    expect(stderr).toContain(said);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe("schema", () => {
  test("lists every type, and shows one by name or number, as a table or as JSON", async () => {
    const list = await alphapulse(["schema"]);
    for (const { type, name } of ALL_TLVS) expect(list.stdout).toMatch(new RegExp(`^${type} +${name} `, "m"));
    const all = await alphapulse(["schema", "--json"]);
    expect(JSON.parse(all.stdout)).toEqual(JSON.parse(JSON.stringify(ALL_TLVS.map(describeTLV))));
    const one = await alphapulse(["schema", "--json", "trade"]);
    expect(JSON.parse(one.stdout)).toEqual(JSON.parse(JSON.stringify(describeTLV(TradeTLV))));
    expect((await alphapulse(["schema", "--json", "1"])).stdout).toBe(one.stdout);
    expect((await alphapulse(["schema", "TradeTLV", "--json"])).stdout).toBe(one.stdout);
    expect((await alphapulse(["schema", "PoolSwap"])).stdout).toMatchInlineSnapshot(`
      "PoolSwap  type 4, MarketData, at least 116 bytes
      a DEX swap; the tail is there for concentrated-liquidity pools

      offset  field              kind                  meaning
      0       poolAddress        bytes:20
      20      tokenIn            bytes:20
      40      tokenOut           bytes:20
      60      amountIn           u128                  native token units
      76      amountOut          u128                  native token units
      92      blockNumber        u64
      100     exchangeTimestamp  u64                   ns since the Unix epoch (block time)
      108     logIndex           u32
      112     venue              u16
      114     tokenInDecimals    u8
      115     tokenOutDecimals   u8
      then    concentrated       optional of 40 bytes
        0       sqrtPriceX96     u160                  after the swap
        20      liquidity        u128                  after the swap
        36      tick             i32                   after the swap
      "
    `);
  });
});

describe("colours", () => {
  test("none in a pipe, some where they are forced, none with NO_COLOR", async () => {
    const args = ["decode", "--pretty", golden.hex];
    expect((await alphapulse(args)).stdout).not.toMatch(COLOUR);
    expect((await alphapulse(args, { env: { FORCE_COLOR: "1" } })).stdout).toMatch(COLOUR);
    expect((await alphapulse(args, { env: { FORCE_COLOR: "0" } })).stdout).not.toMatch(COLOUR);
    expect((await alphapulse(args, { env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).stdout).not.toMatch(COLOUR);
    expect((await alphapulse(["decode", "00"], { env: { FORCE_COLOR: "1" } })).stderr).toMatch(COLOUR);
    expect((await alphapulse(["decode", "00"])).stderr).not.toMatch(COLOUR);
  });

  test("they change nothing else", async () => {
    const args = ["decode", "--pretty", golden.hex];
    const coloured = await alphapulse(args, { env: { FORCE_COLOR: "1" } });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of it
    expect(coloured.stdout.replace(/\u001b\[\d+m/g, "")).toBe((await alphapulse(args)).stdout);
  });
});

test("a reader that has seen enough is no failure, and ends the work", async () => {
  const child = spawn(process.execPath, [CLI, "decode"], { stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const messages = Buffer.from(golden.hex.repeat(500), "hex");
  // Goes on for ever: only a program that notices the end of its reader stops reading.
  const feed = () => {
    while (child.stdin.writable && child.stdin.write(messages));
  };
  child.stdin.on("drain", feed);
  child.stdin.on("error", () => {});
  feed();
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [code] = (await once(child, "close")) as [number];
  expect([code, stderr]).toEqual([0, ""]);
});

test("what is held does not grow with the input", async () => {
  const told = "process.on('exit', () => process.stderr.write(String(process.resourceUsage().maxRSS)))";
  const env = { NODE_OPTIONS: `--max-old-space-size=48 --import data:text/javascript,${encodeURIComponent(told)}` };
  const kilobytesFor = async (megabytes: number): Promise<number> => {
    const count = Math.ceil((megabytes << 20) / (golden.hex.length / 2));
    const { code, stderr } = await alphapulse(["verify"], { stdin: Buffer.from(golden.hex.repeat(count), "hex"), env });
    expect(code).toBe(0);
    return Number(stderr);
  };
  const few = await kilobytesFor(1);
  expect(few).toBeGreaterThan(10_000);
  expect(await kilobytesFor(32)).toBeLessThan(few + 24_000);
}, 60_000);
