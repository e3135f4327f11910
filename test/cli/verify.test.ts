import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { HeartbeatTLV } from "../../src/tlvs/system.js";
import { readVectors, toHex } from "../vectors.js";
import { alphapulse } from "./command.js";

const invalid = readVectors<{ hex: string; error: string }>("invalid").filter(({ hex }) => hex !== "");
const valid = readVectors<{ hex: string; checksum: string }>("valid");

/** A message of source 1 or another with this sequence. */
function heartbeat(sequence: bigint, timestamp = sequence, source = 1): string {
  const builder = new TLVBuilder({ domain: RelayDomain.System, source });
  builder.add(HeartbeatTLV, { status: 2, intervalMs: 1_000, lastSequence: 0n });
  return toHex(builder.build({ sequence, timestamp }));
}

describe("verify", () => {
  test("finds no fault in the golden messages, and counts them", async () => {
    const stdin = Buffer.from(valid.map(({ hex }) => hex).join(""), "hex");
    const { code, stdout, stderr } = await alphapulse(["verify", "--json"], { stdin });
    expect([code, stderr]).toEqual([0, ""]);
    const summary = JSON.parse(stdout) as Record<string, unknown>;
    expect(summary).toMatchObject({ messages: valid.length, bytes: stdin.byteLength, faults: {} });
    const crc32 = valid.filter(({ checksum }) => checksum === "crc32").length;
    expect(summary.checksums).toEqual({ crc32, crc32c: valid.length - crc32 });
    expect((summary.types as Record<string, number>)["1"]).toBeGreaterThanOrEqual(3);
  });

  test("counts each code of the invalid messages, shows the first ones, and exits with 1", async () => {
    const expected = new Map<string, number>();
    for (const { error } of invalid) expected.set(error, (expected.get(error) ?? 0) + 1);
    const stdin = `${valid[0]?.hex}\n\n${invalid.map(({ hex }) => hex).join("\n\n")}`;
    const { code, stdout, stderr } = await alphapulse(["verify", "--json", "--faults", "3"], { stdin });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ messages: 1, faults: Object.fromEntries(expected) });
    expect(stderr.match(/^[A-Z_]+(?=: )/gm)).toHaveLength(3);
  });

  test("tells what is missing of each source, for people", async () => {
    const run = (n: bigint, counter: bigint) => (n << 40n) | counter;
    const messages = [
      ...[3n, 4n, 8n, 8n, 10n, 6n].map((n) => heartbeat(n)), // 5 to 7 and 9 are gaps, 6 comes late
      heartbeat(0n, 20n),
      ...[run(9n, 2n), run(0n, 11n)].map((n) => heartbeat(n, 30n)), // begins anew; then one of the run before
      heartbeat(1n << 53n, 1n, 2),
    ];
    const { code, stdout } = await alphapulse(["verify"], { stdin: messages.join("\n") });
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "10 good messages of 500 bytes, no faults
      checksums
        crc32c  10
      types
         80 Heartbeat  10
      sources
        1 BinanceCollector: 9 messages, 1 unsequenced, 1 duplicate, 1 restart, 1 of a run that had ended, 4 missing
          gap 5
          gap 7
          gap 9
          gap 1 of run 9
        2 KrakenCollector: 1 message, 1 with a sequence of more than 53 bits, not tracked
      "
    `);
    expect((await alphapulse(["verify", "--complete"], { stdin: messages.join("\n") })).code).toBe(1);
    const whole = [1n, 2n, 3n].map((n) => heartbeat(n)).join("\n");
    expect((await alphapulse(["verify", "--complete"], { stdin: whole })).code).toBe(0);
  });
});
