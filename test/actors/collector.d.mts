import type { AnyActor } from "alphapulse";

declare const actor: AnyActor;
export default actor;
