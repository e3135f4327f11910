// The entry of a worker thread or child process that runs one actor of a pipeline (see remote.ts).

import { isMainThread, parentPort } from "node:worker_threads";
import { Actor, type AnyActor } from "../actor/actor.js";
import { Host } from "../actor/host.js";
import { ActorRuntime } from "../actor/runtime.js";
import { AlphaPulseError } from "../protocol/errors.js";
import {
  IN_RUNNER,
  plainError,
  type RunnerEvent,
  type RunnerInit,
  type RunnerRequest,
  type RunnerStats,
} from "./protocol.js";

let host: Host | undefined;
let runtime: ActorRuntime | undefined;

function say(event: RunnerEvent): void {
  if (parentPort !== null) parentPort.postMessage(event);
  else process.send?.(event, undefined, undefined, () => {}); // a pipeline that is gone has no ears
}

// A module that starts a pipeline when it is imported must not start another one here.
(globalThis as Record<symbol, unknown>)[IN_RUNNER] = true;

async function load(url: string): Promise<AnyActor> {
  const module = (await import(url)) as { default?: unknown };
  const actor = module.default;
  // Another copy of the library may have made it: then it is known by its shape.
  if (actor instanceof Actor || typeof (actor as AnyActor | undefined)?.definition?.setup === "function")
    return actor as AnyActor;
  throw new AlphaPulseError(
    "BAD_ACTOR",
    `${url} has no actor as its default export: export default new Actor(import.meta.url, …)`,
  );
}

async function prepare({ url, options, time }: RunnerInit): Promise<{ isSource: boolean }> {
  const actor = await load(url);
  host = new Host(time);
  runtime = new ActorRuntime(actor, options, host, {
    log: (line) => say({ kind: "log", line }),
    failed: (error) => say({ kind: "failed", error: plainError(error) }),
    finished: () => say({ kind: "finished" }),
  });
  await runtime.prepare();
  return { isSource: runtime.isSource };
}

async function perform(request: RunnerRequest): Promise<unknown> {
  switch (request.kind) {
    case "prepare":
      return prepare(request.init);
    case "start":
      return runtime?.start();
    case "run":
      return host?.run();
    case "stats":
      return { ...runtime?.stats(), nowUs: host?.clock.nowUs() } as RunnerStats;
    case "advance":
      return host?.advanceTo(request.us);
    case "stopSources":
      return host?.stopSources();
    case "snapshot":
      return runtime?.snapshot();
    case "stop":
      return runtime?.stop();
    case "close":
      host?.close();
      return runtime?.close();
  }
}

async function answer(request: RunnerRequest): Promise<void> {
  try {
    say({ kind: "reply", id: request.id, value: await perform(request) });
  } catch (error) {
    say({ kind: "reply", id: request.id, error: plainError(error) });
  }
  if (request.kind !== "close") return;
  if (isMainThread) process.disconnect();
  else parentPort?.close();
}

if (parentPort !== null) parentPort.on("message", (request: RunnerRequest) => void answer(request));
else {
  process.on("message", (request) => void answer(request as RunnerRequest));
  // The pipeline is gone: so is the reason to run.
  process.on("disconnect", () => setImmediate(() => process.exit()));
  // Ctrl-C reaches the whole group of processes: the pipeline decides when its actors end.
  process.on("SIGINT", () => {});
}
