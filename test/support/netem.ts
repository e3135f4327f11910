import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** What is wrong with a network. Each way by itself. */
export interface Trouble {
  readonly delayMs: number;
  readonly lossPercent: number;
  /** Packets that are not delayed, so that they overtake others. */
  readonly reorderPercent: number;
}

/** A host of its own, as far as the network goes: a namespace of the kernel. */
export interface Host {
  readonly address: string;
  /** Runs a Node program there, with its output piped. It is killed with the network. */
  run(file: string, args?: readonly string[]): ChildProcess;
}

/** Two hosts and the network between them. */
export interface Network extends AsyncDisposable {
  readonly hosts: readonly [Host, Host];
  /** How many packets were carried, lost and reordered, where it can be known. */
  counts(): Promise<string>;
}

const LOSSY_LINK = fileURLToPath(new URL("lossy-link.c", import.meta.url));
/** Both devices are called so, each in its namespace. */
const DEVICE = "far";
const NAME = /^alphapulse-(\d+)-[ab]\d+\b/;
const run = promisify(execFile);

let networks = 0;

/** How two hosts can be joined here: by the kernel's netem, by a program of ours where it has none, or why not at all. */
export const joinedBy: "netem" | "tun" | { readonly missing: string } = whatIsThere();

/** Two hosts that see each other through a bad network. @throws Error where {@link joinedBy} says what is missing */
export async function badNetwork(trouble: Trouble): Promise<Network> {
  if (typeof joinedBy === "object") throw new Error(`no network namespaces: ${joinedBy.missing}`);
  await removeStale();
  const names = ["a", "b"].map((side) => `alphapulse-${process.pid}-${side}${++networks}`) as [string, string];
  const children: ChildProcess[] = [];
  const remove = async (): Promise<void> => {
    for (const child of children) await ended(child, "SIGKILL");
    for (const name of names) spawnSync("ip", ["netns", "del", name]);
  };
  try {
    for (const name of names) await run("ip", ["netns", "add", name]);
    const link = joinedBy === "netem" ? await netem(names, trouble) : await tun(names, trouble, children);
    const addresses = ["10.77.0.1", "10.77.0.2"];
    for (const [index, name] of names.entries()) {
      await run("ip", ["-n", name, "address", "add", `${addresses[index]}/24`, "dev", DEVICE]);
      await run("ip", ["-n", name, "link", "set", DEVICE, "up"]);
      await run("ip", ["-n", name, "link", "set", "lo", "up"]);
    }
    const host = (index: number): Host => ({
      address: addresses[index] as string,
      run(file, args = []) {
        const command = ["netns", "exec", names[index] as string, process.execPath, file, ...args];
        const child = spawn("ip", command, { stdio: ["pipe", "pipe", "inherit"] });
        children.push(child);
        return child;
      },
    });
    return { hosts: [host(0), host(1)], counts: link.counts, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A pair of veth devices with netem on both. */
async function netem([a, b]: readonly [string, string], { delayMs, lossPercent, reorderPercent }: Trouble) {
  await run("ip", ["-n", a, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", b]);
  const faults = ["delay", `${delayMs}ms`, "loss", `${lossPercent}%`, "reorder", `${reorderPercent}%`];
  for (const name of [a, b]) {
    await run("tc", ["-n", name, "qdisc", "add", "dev", DEVICE, "root", "netem", "limit", "10000", ...faults]);
  }
  return {
    counts: async (): Promise<string> => {
      const said = await Promise.all(
        [a, b].map((name) => run("tc", ["-n", name, "-s", "qdisc", "show", "dev", DEVICE])),
      );
      return said.map(({ stdout }) => /Sent.*/.exec(stdout)?.[0] ?? "").join("; ");
    },
  };
}

/** Two TUN devices and a program that carries packets between them. */
async function tun([a, b]: readonly [string, string], trouble: Trouble, children: ChildProcess[]) {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-link-"));
  try {
    const program = join(directory, "lossy-link");
    await run(compiler(), ["-O2", "-Wall", "-Wextra", "-Werror", "-o", program, LOSSY_LINK]);
    const { delayMs, lossPercent, reorderPercent } = trouble;
    const child = spawn(program, [a, b, ...[delayMs, lossPercent, reorderPercent, 20241108].map(String)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    let said = "";
    child.stdout?.on("data", (chunk) => {
      said += chunk;
    });
    await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), once(child, "exit")]);
    if (!said.startsWith("ready")) throw new Error("lossy-link did not start");
    return {
      counts: async (): Promise<string> => {
        await ended(child, "SIGTERM");
        return said.split("\n")[1] ?? "";
      },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "close");
  child.kill(signal);
  await exit;
}

/** Namespaces of processes that died before they could remove them. */
async function removeStale(): Promise<void> {
  const { stdout } = await run("ip", ["netns", "list"]);
  for (const line of stdout.split("\n")) {
    const owner = Number(NAME.exec(line)?.[1]);
    if (owner > 0 && !existsSync(`/proc/${owner}`)) spawnSync("ip", ["netns", "del", line.split(" ")[0] as string]);
  }
}

function whatIsThere(): typeof joinedBy {
  if (process.platform !== "linux") return { missing: "they are of Linux" };
  if (spawnSync("ip", ["-V"]).status !== 0) return { missing: "the program ip (iproute2)" };
  const name = `alphapulse-${process.pid}-a0`;
  const added = spawnSync("ip", ["netns", "add", name]);
  if (added.status !== 0) return { missing: `the permission (${String(added.stderr).trim()})` };
  try {
    const hasNetem = spawnSync("tc", ["-n", name, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]);
    if (hasNetem.status === 0) return "netem";
    if (!existsSync("/dev/net/tun")) return { missing: "both netem in the kernel and /dev/net/tun" };
    if (spawnSync(compiler(), ["--version"]).status !== 0)
      return { missing: "both netem in the kernel and a C compiler" };
    return "tun";
  } finally {
    spawnSync("ip", ["netns", "del", name]);
  }
}

function compiler(): string {
  return process.env.CC ?? "cc";
}
