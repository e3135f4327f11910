// A user's first mistake: an actor in the module that also starts its pipeline, in a process of its own.
import { Actor, Pipeline } from "alphapulse";

const actor = new Actor(import.meta.url, { setup: () => ({}) });
export default actor;

try {
  const running = await new Pipeline().actor("self", actor, {}).start({ placement: "process" });
  await running.stop();
} catch (error) {
  console.error(error.code, error.message);
  process.exitCode = 1;
  throw error;
}
