import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Packet, pcapOf } from "./pcap.js";

const DISSECTOR = fileURLToPath(new URL("../../docs/wireshark/alphapulse.lua", import.meta.url));

/** What tshark makes of bytes: a packet, a protocol in it, or a field, with what stands under it. */
export interface Dissected {
  /** As in a filter; "" for plain text. */
  readonly name: string;
  /** The value as text: numbers in decimal, bytes as hex. */
  readonly show: string;
  /** What people read. */
  readonly label: string;
  readonly children: readonly Dissected[];
}

/** Whether there is a tshark on this machine. */
export const hasTshark: boolean = spawnSync("tshark", ["--version"]).status === 0;

/**
 * Has tshark dissect packets, with our dissector and these preferences (`alphapulse.ports:9000`).
 *
 * @returns the packets; of each, only what our dissector shows
 * @throws Error where tshark or the dissector complains of anything
 */
export async function dissect(packets: readonly Packet[], ...preferences: string[]): Promise<Dissected[]> {
  const folder = mkdtempSync(join(tmpdir(), "alphapulse-tshark-"));
  try {
    const file = join(folder, "traffic.pcap");
    writeFileSync(file, pcapOf(packets));
    const options = preferences.flatMap((preference) => ["-o", preference]);
    const args = ["-X", `lua_script:${DISSECTOR}`, ...options, "-r", file, "-T", "pdml", "-J", "alphapulse _ws.lua"];
    const { stdout, stderr } = await promisify(execFile)("tshark", args, { maxBuffer: 1 << 30 });
    const complaint = stderr.replace(/^Running as user .*\n/, "");
    if (complaint !== "") throw new Error(`tshark: ${complaint}`);
    if (stdout.includes("Lua Error")) throw new Error(`the dissector: ${/Lua Error[^"]*/.exec(stdout)?.[0]}`);
    return packetsOf(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything with this name under a node, in order. */
export function findAll({ children }: Dissected, name: string): Dissected[] {
  return children.flatMap((child) => [...(child.name === name ? [child] : []), ...findAll(child, name)]);
}

/** The packets of a PDML document, with what our dissector shows of each. */
function packetsOf(pdml: string): Dissected[] {
  const packets: (Dissected & { children: Dissected[] })[] = [];
  const open: { children: Dissected[] }[] = [];
  for (const [, closing, tag, attributes = "", single] of pdml.matchAll(
    /<(\/?)(packet|proto|field)((?: [\w.]+="[^"]*")*)\s*(\/?)>/g,
  )) {
    if (closing === "/") {
      open.pop();
      continue;
    }
    const value = (key: string): string => unescaped(new RegExp(` ${key}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    const node = { name: value("name"), show: value("show"), label: value("showname"), children: [] };
    if (tag === "packet") packets.push(node);
    else open.at(-1)?.children.push(node);
    if (single !== "/") open.push(node);
  }
  const isOurs = ({ name }: Dissected) => name === "alphapulse";
  return packets.map((packet) => ({ ...packet, children: packet.children.filter(isOurs) }));
}

function unescaped(text: string): string {
  const entities: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" };
  return text.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => entities[entity] as string);
}
