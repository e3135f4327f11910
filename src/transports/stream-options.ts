import { AlphaPulseError } from "../protocol/errors.js";
import { checkPayloadBytesMax, PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import { checkCallable, checkFlag } from "./checks.js";
import type { TcpOptions } from "./transport.js";

const BUFFER_BYTES_DEFAULT = 1 << 20;
const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
/** A message that stays incomplete for this long ends the connection (docs/protocol.md, "On a byte stream"). */
const INCOMPLETE_MS_DEFAULT = 10_000;
const LINKS_MAX_DEFAULT = 1_024;
/** What a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What a stream link, its listener and its connecting keep to. */
export interface StreamLimits {
  readonly payloadBytesMax: number;
  readonly bufferBytesMax: number;
  readonly connectTimeoutMs: number;
  readonly incompleteMs: number;
  readonly linksMax: number;
  readonly linksPerPeerMax: number;
}

/** Options with their defaults. @throws AlphaPulseError BAD_OPTION */
export function streamLimitsOf(options: TcpOptions): StreamLimits {
  const {
    payloadBytesMax = PAYLOAD_BYTES_DEFAULT,
    bufferBytesMax = BUFFER_BYTES_DEFAULT,
    connectTimeoutMs = CONNECT_TIMEOUT_MS_DEFAULT,
    incompleteMs = INCOMPLETE_MS_DEFAULT,
    linksMax = LINKS_MAX_DEFAULT,
    linksPerPeerMax = linksMax,
  } = options;
  checkPayloadBytesMax(payloadBytesMax);
  checkFlag("insecure", options.insecure);
  checkCallable("onRefused", options.onRefused);
  check("bufferBytesMax", bufferBytesMax, Number.MAX_SAFE_INTEGER, "bytes");
  check("connectTimeoutMs", connectTimeoutMs, TIMER_MS_MAX, "milliseconds");
  check("incompleteMs", incompleteMs, TIMER_MS_MAX, "milliseconds");
  check("linksMax", linksMax, Number.MAX_SAFE_INTEGER, "links");
  check("linksPerPeerMax", linksPerPeerMax, Number.MAX_SAFE_INTEGER, "links");
  return { payloadBytesMax, bufferBytesMax, connectTimeoutMs, incompleteMs, linksMax, linksPerPeerMax };
}

function check(name: string, value: number, max: number, unit: string): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw new AlphaPulseError("BAD_OPTION", `${name} is a number of ${unit} from 1 to ${max}, not ${value}`);
}
