import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as api from "alphapulse";
import { expect, test } from "vitest";
import { report } from "./golden-report.mjs";

const program = fileURLToPath(new URL("./golden-report.mjs", import.meta.url));
const built = new URL("../../dist/index.js", import.meta.url).href;

test("where no code may be made from text, the built library reads and writes the golden messages all the same", async () => {
  const flag = "--disallow-code-generation-from-strings";
  const { stdout } = await promisify(execFile)(process.execPath, [flag, program, built], { maxBuffer: 64 << 20 });
  const [first, ...lines] = stdout.trimEnd().split("\n");
  expect(first).toBe("cannot make code");
  expect(lines.length).toBeGreaterThan(200);
  expect(lines.filter((line) => line.includes(": other bytes: "))).toEqual([]);
  expect(lines).toEqual(report(api));
});
