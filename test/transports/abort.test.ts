import { expect, test } from "vitest";
import { listenUnlessAborted } from "../../src/transports/abort.js";
import type { Listener } from "../../src/transports/transport.js";

/** A listener of a class: what it can do lies behind it. */
class CountingListener implements Listener {
  readonly address = "test://1";
  #closings = 0;

  get closings(): number {
    return this.#closings;
  }

  async close(): Promise<void> {
    this.#closings++;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

test("a listener that a signal may close is the one that was made, with all that it is", async () => {
  const made = new CountingListener();
  const closing = new AbortController();
  const listener = await listenUnlessAborted(closing.signal, made.address, async () => made);
  expect(listener).toBe(made);
  closing.abort();
  expect(listener.closings).toBe(1);
});

test("a listener that was closed is not closed again by its signal", async () => {
  const closing = new AbortController();
  const listener = await listenUnlessAborted(closing.signal, "test://1", async () => new CountingListener());
  await listener[Symbol.asyncDispose]();
  closing.abort();
  expect(listener.closings).toBe(1);
});

test("a signal that is none is a bad option, before anything is made", async () => {
  for (const signal of [5, null, {}, "now"]) {
    const listening = listenUnlessAborted(signal as unknown as AbortSignal, "test://1", () => {
      throw new Error("it was made");
    });
    await expect(listening).rejects.toMatchObject({ code: "BAD_OPTION" });
  }
});
