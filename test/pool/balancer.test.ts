import { expect, test } from "vitest";
import { Balancer } from "../../src/pool/balancer.js";
import type { Member } from "../../src/pool/member.js";

function memberOf(pendingBytes: number | undefined, priority = 0, weight = 1): Member {
  const connection = pendingBytes === undefined ? undefined : { stats: () => ({ pendingBytes }) };
  return { connection, endpoint: { priority, weight }, turn: 0 } as unknown as Member;
}

test("the one with the fewest bytes that wait is chosen, of the best priority that is there", () => {
  const members = [memberOf(undefined, 1), memberOf(50, 2), memberOf(20, 2), memberOf(30, 2), memberOf(0, 3)];
  const balancer = new Balancer("leastPending", true);
  for (let n = 0; n < 10; n++) expect(members.indexOf(balancer.pick(members) as Member)).toBe(2);
});

test("those that wait for as little are chosen in turn", () => {
  const members = [memberOf(0), memberOf(0), memberOf(0)];
  const balancer = new Balancer("leastPending", true);
  const picked = Array.from({ length: 30 }, () => members.indexOf(balancer.pick(members) as Member));
  expect([0, 1, 2].map((n) => picked.filter((each) => each === n).length)).toEqual([10, 10, 10]);
});

test("turns by weight are spread, not taken in one go", () => {
  const members = [memberOf(0, 0, 5), memberOf(0, 0, 1), memberOf(0, 0, 1)];
  const balancer = new Balancer("roundRobin", true);
  const picked = Array.from({ length: 7 }, () => members.indexOf(balancer.pick(members) as Member));
  expect(picked).toEqual([0, 0, 1, 0, 2, 0, 0]);
});

test("nobody is chosen where nobody is connected", () => {
  for (const balance of ["roundRobin", "leastPending", "failover"] as const) {
    expect(new Balancer(balance, true).pick([memberOf(undefined)])).toBeUndefined();
    expect(new Balancer(balance, true).pick([])).toBeUndefined();
  }
});
