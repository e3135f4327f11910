import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

/** Bytes an operation of each subject, measured in a process of its own: here the test runner's own work would be in it. */
async function allocatedOf(subjects: string): Promise<Readonly<Record<string, number>>> {
  const program = `
    const { compare } = await import("alphapulse/bench");
    const options = { rounds: 3, roundMs: 10, warmupMs: 20, latency: false, print: () => {} };
    const { measurements } = await compare("allocation", ${subjects}, options);
    console.log(JSON.stringify(Object.fromEntries(measurements.map((m) => [m.subject, m.allocatedBytes]))));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  return JSON.parse(stdout);
}

describe("bytes allocated an operation", () => {
  test("are none for a subject that allocates nothing, and 24 for a control that allocates 24", async () => {
    const found = await allocatedOf(`{
      nothing: ((view) => (i) => { view.setUint32(0, i); return view.getUint16(2); })(new DataView(new ArrayBuffer(8))),
      control: ((Empty) => () => new Empty())(class {}), // map, properties, elements: 8 bytes each
      fields: ((Two) => (i) => new Two(i))(class { constructor(i) { this.a = i; this.b = i; } }),
    }`);
    expect(found.nothing).toBeLessThan(0.5);
    expect(found.control).toBeCloseTo(24, 0);
    expect(found.fields).toBeCloseTo(40, 0);
  });

  test("count array buffers, and large results", async () => {
    const found = await allocatedOf(`{
      buffer: () => new Uint8Array(10_000),
      array: (i) => new Array(5_000).fill(i),
    }`);
    expect(found.buffer).toBeGreaterThan(10_000);
    expect(found.buffer).toBeLessThan(10_600);
    expect(found.array).toBeGreaterThan(39_500);
    expect(found.array).toBeLessThan(44_000);
  });
});
