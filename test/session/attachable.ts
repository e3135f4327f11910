import type { AlphaPulseError } from "../../src/protocol/errors.js";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import type { ConnectOptions } from "../../src/session/options.js";
import type { ReconnectOutcome } from "../../src/session/resumption.js";
import type { Attachable, Link } from "../../src/transports/transport.js";
import { Script, type ScriptOptions } from "./script.js";

/** A scripted relay that a connection reaches again and again: a new script for each link. */
export class ScriptedRelay implements Attachable {
  readonly scripts: Script[] = [];
  /** Whether links end as soon as they come. */
  isAway = false;
  options: ScriptOptions;
  /** Called with each script before anything comes. */
  onScript: (script: Script) => void = () => {};

  constructor(options: ScriptOptions = {}) {
    this.options = options;
  }

  /** The end of the latest link. */
  get latest(): Script {
    return this.scripts.at(-1) as Script;
  }

  attach(link: Link): void {
    if (this.isAway) {
      link.destroy();
      return;
    }
    const script = new Script(link, this.options);
    this.scripts.push(script);
    this.onScript(script);
  }
}

/** Reconnects at once, nearly. */
export const SOON = { firstDelayMs: 2, delayMsMax: 4 } as const;

/** A connection that comes back, with all that it told. */
export async function surviving(relay: Attachable, options: ConnectOptions = {}) {
  const failures: AlphaPulseError[] = [];
  const losses: AlphaPulseError[] = [];
  const outcomes: ReconnectOutcome[] = [];
  const connection: Connection = await connect(relay, {
    reconnect: SOON,
    onFailure: (error) => failures.push(error),
    onDisconnect: (error) => void losses.push(error),
    onReconnect: (outcome) => void outcomes.push(outcome),
    ...options,
  });
  return { connection, failures, losses, outcomes };
}
