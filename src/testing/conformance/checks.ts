import { AlphaPulseError } from "../../protocol/errors.js";

const SHOWN_MAX = 12;

/** @throws AlphaPulseError NOT_CONFORMING */
export function fail(what: string): never {
  throw new AlphaPulseError("NOT_CONFORMING", what);
}

/** Compares plain data. @throws AlphaPulseError NOT_CONFORMING, which says `what` was compared */
export function same(what: string, actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) fail(`${what}: expected ${shown(expected)}, got ${shown(actual)}`);
}

/** @throws AlphaPulseError NOT_CONFORMING where the promise is fulfilled, or rejected with another code */
export async function refused(what: string, code: string, promise: Promise<unknown>): Promise<void> {
  const outcome = await promise.then(
    () => "no refusal",
    (error: unknown) => (error instanceof AlphaPulseError ? error.code : `${String(error)}, which has no code`),
  );
  same(what, outcome, code);
}

/** Waits in turns of the event loop. @throws AlphaPulseError NOT_CONFORMING, which says what was waited for */
export async function until(what: string, isSo: () => boolean, timeoutMs: number): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > giveUpAt) fail(`waited ${timeoutMs} ms in vain: ${what}`);
    await turn();
  }
}

/** The promise, with a deadline. @throws AlphaPulseError NOT_CONFORMING, which says what was waited for */
export async function within<T>(what: string, promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new AlphaPulseError("NOT_CONFORMING", `waited ${timeoutMs} ms in vain: ${what}`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Other work of the event loop gets its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Some turns of the event loop: time for what should not come to come. */
export async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

function shown(value: unknown): string {
  if (!Array.isArray(value) || value.length <= SHOWN_MAX) return JSON.stringify(value);
  return `${value.length} values, first ${JSON.stringify(value.slice(0, SHOWN_MAX))}`;
}
