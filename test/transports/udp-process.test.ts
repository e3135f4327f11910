import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { bundled } from "../support/bundle.js";
import { HELLO, UdpBed, until } from "./udp-bed.js";

let program: Awaited<ReturnType<typeof bundled>>;
let bed: UdpBed;
beforeAll(async () => {
  program = await bundled(new URL("udp-process.ts", import.meta.url));
});
afterAll(() => program.remove());
beforeEach(() => {
  bed = new UdpBed();
});
afterEach(() => bed.cleanUp());

test("another process sends 50,000 messages at 100,000 a second, and none is lost", async () => {
  const COUNT = 50_000;
  let received = 0;
  let lost = 0;
  const seen = new Uint8Array(COUNT);
  const listener = await bed.listen({}, "127.0.0.1:0", (link) => {
    link.datagrams?.beginEnvelopes();
    link.start({
      message({ view }, offset) {
        if (view.getUint8(offset + 5) === 4) return;
        const n = view.getUint32(offset + 8, true);
        received += 1 - (seen[n] as number);
        seen[n] = 1;
      },
      lost: ({ count }) => {
        lost += count;
      },
      broken() {},
      closed() {},
    });
  });
  const args = [listener.address.replace("udp://", ""), Buffer.from(HELLO).toString("hex"), `${COUNT}`, "100000"];
  const child = spawn(process.execPath, [program.file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  bed.atEnd(() => child.kill("SIGKILL"));
  const [said] = await once(child.stdout, "data");
  expect(JSON.parse(String(said))).toMatchObject({ sent: COUNT });
  await until(() => received + lost >= COUNT);
  expect([received, lost]).toEqual([COUNT, 0]);
});
