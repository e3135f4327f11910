import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { crc32, crc32c } from "../../src/protocol/checksum.js";

describe("where WebAssembly", () => {
  const script = `
    const { crc32c, crc32 } = await import(process.argv[1]);
    const view = new DataView(new Uint8Array(5_000).fill(7).buffer);
    console.log(JSON.stringify([crc32c.backend, crc32.backend, crc32c(view, 0, 5_000, 0), crc32(view, 0, 5_000, 0)]));`;
  const REFUSING = "WebAssembly.Module=class{constructor(){throw%20new%20WebAssembly.CompileError()}}";
  const sevens = new DataView(new Uint8Array(5_000).fill(7).buffer);
  test.each([
    ["is there", [], "webassembly"],
    ["is missing", ["--jitless"], "tables"],
    ["refuses the module", [`--import=data:text/javascript,${REFUSING}`], "tables"],
  ])("%s, both kinds are right and say what computes", (_, flags, backend) => {
    const index = new URL("../../dist/index.js", import.meta.url).href;
    const args = [...flags, "--input-type=module", "--eval", script, index];
    const printed = execFileSync(process.execPath, args, { encoding: "utf8" });
    // What this process computes is held against the definition in checksum.test.ts.
    expect(JSON.parse(printed)).toEqual([backend, backend, crc32c(sevens, 0, 5_000, 0), crc32(sevens, 0, 5_000, 0)]);
  });
});
