// `npm run model [-- WORD…]`: follows the schedules of the cases whose name has one of these words, much further than the suite does.
import { CASES, type Case, MUTANTS } from "./cases.js";
import { explore } from "./explore.js";
import { ringsWith } from "./machine.js";

const words = process.argv.slice(2);
const isWanted = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word));

function run(name: string, what: () => string): void {
  const start = performance.now();
  const outcome = what();
  process.stdout.write(`model: ${name}: ${outcome}, ${((performance.now() - start) / 1_000).toFixed(1)} s\n`);
}

for (const [name, { make, deep }] of Object.entries<Case>(CASES)) {
  if (!isWanted(name)) continue;
  run(name, () => {
    try {
      const { states, steps, ends } = explore(() => make(ringsWith([])), { ...deep, statesMax: 60_000_000 });
      const extent = deep === undefined ? "every schedule" : `up to ${deep.preemptionsMax} interruptions`;
      return `${extent}, ${states} states, ${steps} steps, ${ends} ends`;
    } catch (error) {
      process.exitCode = 1;
      return String((error as Error).stack);
    }
  });
}
for (const mutant of MUTANTS) {
  if (!isWanted(mutant.fault)) continue;
  run(mutant.fault, () => {
    const { make, limits }: Case = CASES[mutant.caughtBy];
    try {
      const { states } = explore(() => make(ringsWith([mutant])), limits);
      process.exitCode = 1;
      return `NOT FOUND in ${states} states of "${mutant.caughtBy}"`;
    } catch (error) {
      return `found: ${(error as Error).message.split("\n")[0]}`;
    }
  });
}
