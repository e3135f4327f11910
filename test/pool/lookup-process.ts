import { Pool } from "../../src/pool/pool.js";

// Nothing else keeps this process: only the look itself.
await Pool.open(() => new Promise<never>(() => {}), { lookupMs: 50 }).catch(({ code }) => console.log(code));
