// `npm run soak -- NAME [options]`: what the suite does for seconds, for as long as one likes. See test/README.md.
import { deathSoak } from "./death.js";
import { reconnectsSoak } from "./reconnects.js";
import { ringsSoak } from "./rings.js";

/** By name. Each reads the rest of the command line itself, prints what it did, and resolves to whether all was well. */
const SOAKS: Readonly<Record<string, (args: string[]) => Promise<boolean>>> = {
  death: deathSoak,
  reconnects: reconnectsSoak,
  rings: ringsSoak,
};

const [name = "", ...args] = process.argv.slice(2);
const soak = Object.hasOwn(SOAKS, name) ? SOAKS[name] : undefined;
if (soak === undefined) {
  process.stderr.write(`npm run soak -- ${Object.keys(SOAKS).join(" | ")} [options]\n`);
  process.exit(2);
}
process.exit((await soak(args)) ? 0 : 1);
