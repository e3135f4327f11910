import { AlphaPulseError } from "../protocol/errors.js";
import { checkPayloadBytesMax, PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import type { MultiplexerOptions } from "./multiplexer.js";

const WINDOW_BYTES_DEFAULT = 256 << 10;

/** The options with their defaults. @throws AlphaPulseError BAD_OPTION */
export function checkedOptions(options: MultiplexerOptions) {
  const { windowBytes = WINDOW_BYTES_DEFAULT, bufferBytesMax = WINDOW_BYTES_DEFAULT } = options;
  return {
    onChannel: options.onChannel,
    accepts: options.accepts ?? (() => true),
    channelsMax: whole("channelsMax", options.channelsMax ?? 64, 1, 65_536),
    windowBytes: whole("windowBytes", windowBytes, 1 << 10, 16 << 20),
    bufferBytesMax: whole("bufferBytesMax", bufferBytesMax, 1, 1 << 30),
    payloadBytesMax: checkPayloadBytesMax(options.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT),
    timeoutMs: whole("timeoutMs", options.timeoutMs ?? 5_000, 1, 2 ** 31 - 1),
  } as const;
}

/** A channel's name as it is sent. @throws AlphaPulseError BAD_NAME */
export function nameBytesOf(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.byteLength >= 1 && bytes.byteLength <= 255 && !/\p{Surrogate}/u.test(name)) return bytes;
  throw new AlphaPulseError("BAD_NAME", `a channel's name has 1 to 255 bytes of UTF-8, not ${bytes.byteLength}`);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new AlphaPulseError("BAD_OPTION", `Multiplexer: ${name} ${String(value)} is not ${least} to ${most}`);
}
