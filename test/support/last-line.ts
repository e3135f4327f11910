import type { Reporter, TestModule } from "vitest/node";

/** Ends the report with one line that says how many tests passed, failed and were skipped. */
export class LastLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      if (module.state() === "failed" && module.children.size === 0) counts.failed++; // the file did not even load
      for (const test of module.children.allTests()) counts[test.result().state]++;
    }
    const { passed, failed } = counts;
    const skipped = counts.skipped + counts.pending;
    process.once("exit", () => {
      process.stdout.write(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }
}
