// The other process of a shm link: `link-child.mjs listen|connect NAME SEED DIRECTORY`. Says "up", floods the link and checks what comes.

import { seededRandom } from "../../../src/actor/random.js";
import { type ShmOptions, shmTransport } from "../../../src/transports/shm.js";
import { flood, SMALL } from "./link-flood.js";

const [role = "", name = "", seed = "", directory = ""] = process.argv.slice(2);
const options: ShmOptions = { ...SMALL, directory };

if (role === "listen") await shmTransport.listen(name, (link) => void flood(link, seededRandom(seed)), options);
else flood(await shmTransport.connect(name, options), seededRandom(seed));
process.stdout.write("up\n");
