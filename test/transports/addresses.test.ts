import { describe, expect, test } from "vitest";
import type { Address } from "../../src/transports/transport.js";
import { Transport } from "../../src/transports/transports.js";

describe("an address", () => {
  test.each<[Address, string, string]>([
    ["unix:///run/market.sock", "unix", "/run/market.sock"],
    ["unix:///run/with%20blank.sock", "unix", "/run/with blank.sock"],
    ["ring://market", "ring", "market"],
    [{ unix: "/run/100%.sock" }, "unix", "/run/100%.sock"],
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
  ])("%j is none", async (address) => {
    await expect(Transport.of(address as Address)).rejects.toMatchObject({ code: "BAD_ADDRESS" });
  });
});
