import { isIP } from "node:net";
import type { AlphaPulseError } from "../protocol/errors.js";
import { checkPayloadBytesMax, PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import { INCOMPLETE_MS } from "../protocol/reassembler.js";
import { badOption, checkCallable, checkFlag } from "./checks.js";
import type { UdpOptions } from "./transport.js";

/** The largest payload of UDP over IPv4. */
const DATAGRAM_BYTES_MAX = 65_507;

/** What a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** {@link UdpOptions} with all defaults, checked. */
export interface UdpSettings {
  readonly insecure: boolean;
  /** The largest payload that is taken in, in bytes. */
  readonly payloadBytesMax: number;
  /** The largest that is sent: what the rate lets pass within half of the time that a receiver waits for pieces. */
  readonly sentPayloadBytesMax: number;
  readonly bufferBytesMax: number;
  readonly datagramBytesMax: number;
  readonly rateBytesPerSecond: number;
  readonly burstBytes: number;
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  readonly connectTimeoutMs: number;
  readonly linksMax: number;
  readonly linksPerPeerMax: number;
  readonly idleMs: number;
  readonly interface: string | undefined;
  readonly ttl: number;
  readonly loopback: boolean;
  readonly onWarning: ((warning: AlphaPulseError) => void) | undefined;
}

/** @throws AlphaPulseError BAD_OPTION */
export function udpSettings(options: UdpOptions): UdpSettings {
  const payloadBytesMax = checkPayloadBytesMax(options.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT);
  const whole = (name: keyof UdpOptions, fallback: number, min: number, max: number): number => {
    const value = options[name] ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    throw badOption(name, value, `a whole number from ${min} to ${max}`);
  };
  const { rateBytesPerSecond = 50_000_000 } = options;
  if (!(typeof rateBytesPerSecond === "number" && rateBytesPerSecond >= 1_000)) {
    throw badOption("rateBytesPerSecond", rateBytesPerSecond, "a number from 1,000 on");
  }
  const { insecure = false, loopback = true, onWarning } = options;
  checkFlag("insecure", insecure);
  checkFlag("loopback", loopback);
  checkCallable("onWarning", onWarning);
  if (options.interface !== undefined && isIP(options.interface) === 0) {
    throw badOption("interface", options.interface, "the IP address of a network interface, such as 10.0.0.5");
  }
  const linksMax = whole("linksMax", 1_024, 1, 1 << 20);
  return {
    insecure,
    payloadBytesMax,
    sentPayloadBytesMax: Math.min(payloadBytesMax, Math.floor((rateBytesPerSecond * INCOMPLETE_MS) / 2_000)),
    bufferBytesMax: whole("bufferBytesMax", 1 << 20, 1, Number.MAX_SAFE_INTEGER),
    datagramBytesMax: whole("datagramBytesMax", 1_400, 256, DATAGRAM_BYTES_MAX),
    rateBytesPerSecond,
    burstBytes: whole("burstBytes", 64 << 10, 1, Number.MAX_SAFE_INTEGER),
    receiveBufferBytes: whole("receiveBufferBytes", 4 << 20, 1, 1 << 30),
    sendBufferBytes: whole("sendBufferBytes", 4 << 20, 1, 1 << 30),
    connectTimeoutMs: whole("connectTimeoutMs", 5_000, 1, TIMER_MS_MAX),
    linksMax,
    linksPerPeerMax: whole("linksPerPeerMax", linksMax, 1, 1 << 20),
    idleMs: whole("idleMs", 60_000, 1, TIMER_MS_MAX),
    interface: options.interface,
    ttl: whole("ttl", 1, 0, 255),
    loopback,
    onWarning,
  };
}
