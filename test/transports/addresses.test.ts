import { describe, expect, test } from "vitest";
import { connect } from "../../src/session/connect.js";
import type { Address } from "../../src/transports/transport.js";
import { Transport } from "../../src/transports/transports.js";

describe("an address", () => {
  test.each<[Address, string, string]>([
    ["unix:///run/market.sock", "unix", "/run/market.sock"],
    ["unix:///run/with%20blank.sock", "unix", "/run/with blank.sock"],
    ["tcp://127.0.0.1:7001", "tcp", "127.0.0.1:7001"],
    ["tcp://[::1]:7001", "tcp", "[::1]:7001"],
    ["udp://127.0.0.1:7002", "udp", "127.0.0.1:7002"],
    ["udp://[::1]:7002", "udp", "[::1]:7002"],
    ["ring://market", "ring", "market"],
    [{ tcp: "relay.example:7001", insecure: true }, "tcp", "relay.example:7001"],
    [{ unix: "/run/100%.sock" }, "unix", "/run/100%.sock"],
    [{ udp: "127.0.0.1:7002", rateBytesPerSecond: 1_000_000 }, "udp", "127.0.0.1:7002"],
    [{ ring: "market", capacityBytes: 1 << 20 }, "ring", "market"],
  ])("%j is served by its transport", async (address, scheme, place) => {
    const found = await Transport.of(address);
    expect([found.transport.scheme, found.address]).toEqual([scheme, place]);
    if (typeof address === "object") expect(found.options).toBe(address);
  });

  test.each([
    "",
    "market",
    "unix://",
    "unix:/run/x.sock",
    "UNIX:///run/x.sock",
    "http://localhost",
    "constructor://x",
    "unix:///%E0%A4%A",
    {},
    { unix: "" },
    { unix: 5 },
    { http: "x" },
    [],
    5,
    null,
    undefined,
  ])("%j is none", async (address) => {
    const refusal = { code: "BAD_ADDRESS" };
    await expect(Transport.of(address as Address)).rejects.toMatchObject(refusal);
    await expect(connect(address as Address)).rejects.toMatchObject(refusal);
  });

  test("is none where it is an object that no JSON can be made of", async () => {
    const address = { market: 1n } as unknown as Address;
    await expect(Transport.of(address)).rejects.toMatchObject({ code: "BAD_ADDRESS" });
  });
});
