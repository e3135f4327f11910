import { describe, expect, test } from "vitest";
import { checkReach, hostAndPortOf, isLoopback, shownHostAndPort } from "../../src/transports/loopback.js";

describe("a host and a port", () => {
  test.each([
    ["127.0.0.1:7001", "127.0.0.1", 7001],
    ["localhost:0", "localhost", 0],
    ["feed-1.example.org:65535", "feed-1.example.org", 65_535],
    ["[::1]:7001", "::1", 7001],
    ["[2001:db8::1]:1", "2001:db8::1", 1],
  ])("%s is read, and shown again", (address, host, port) => {
    expect(hostAndPortOf("tcp", address)).toEqual({ host, port });
    expect(shownHostAndPort({ host, port })).toBe(address);
  });

  test.each(
    [
      ["", "7001", ":7001", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1"],
      ["256.0.0.1:1", "1.2.3:1", "[::1:1", "::1:1", "[127.0.0.1]:1", "a b:1", "a/b:1", "127.0.0.1:1 ", "x:1e3"],
    ].flat(),
  )("%j is none", (address) => {
    expect(() => hostAndPortOf("tcp", address)).toThrow(expect.objectContaining({ code: "BAD_ADDRESS" }));
  });
});

test("only what stays on this machine is loopback", () => {
  const here = ["127.0.0.1", "127.8.9.10", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"];
  const elsewhere = [
    "0.0.0.0",
    "::",
    "128.0.0.1",
    "10.127.0.1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "::2",
    "1::1",
    "localhost",
  ];
  expect(here.filter(isLoopback)).toEqual(here);
  expect(elsewhere.filter(isLoopback)).toEqual([]);
});

test("whoever leaves the machine without encryption has to say so", () => {
  expect(() => checkReach("tcp://10.0.0.1:1", "10.0.0.1", undefined)).toThrow(
    expect.objectContaining({ code: "INSECURE" }),
  );
  checkReach("tcp://10.0.0.1:1", "10.0.0.1", true);
  checkReach("tcp://127.0.0.1:1", "127.0.0.1", undefined);
});
