import type { AlphaPulseError } from "../protocol/errors.js";

/** Why a relay did not take a message. */
export type RefusalCause = "domain" | "checksum" | "malformed" | "tooLarge" | "sourceInUse" | "notAllowed";

/** What a relay tells whoever listens. */
export interface RelayEvents {
  /** A member came: its address, or later its name. */
  joined: [peer: string];
  /** A member went, with the error that ended its link where there was one. */
  left: [name: string, error: AlphaPulseError | undefined];
  /** A message was not taken. */
  refused: [refusal: { cause: RefusalCause; source: number; peer: string; detail: string }];
  /** A subscriber fell out of the log. */
  lost: [loss: { name: string; source: number; from: number; to: number }];
  /** Messages of a source have not come, by its sequences. Late ones still pass. */
  missing: [gap: { source: number; from: number; to: number }];
  /** A link that can lose messages lost some on the way here. */
  lostInTransport: [loss: { peer: string; count: number; source: number | undefined; why: string }];
}

/** What a relay has done so far. */
export interface RelayStats {
  /** Data messages taken. */
  readonly received: number;
  /** Data messages that had come before, and were dropped. */
  readonly duplicates: number;
  /** Data messages that have not come from their source, by its sequences. */
  readonly missing: number;
  /** Data messages sent, over all subscribers. */
  readonly sent: number;
  /** Of those, the ones that were sent because they were asked for again. */
  readonly retransmitted: number;
  /** Data messages that subscribers lost by falling out of the log. */
  readonly lost: number;
  /** Datagrams or messages that links lost on the way here, at least. */
  readonly lostInTransport: number;
  /** Messages not taken, by cause. */
  readonly refused: Readonly<Record<RefusalCause, number>>;
  /** Whether everything that was taken has been sent. */
  readonly isIdle: boolean;
  /** Those that are connected now. */
  readonly members: readonly MemberStats[];
}

/** One member of a relay. */
export interface MemberStats {
  /** What it called itself, or its address. */
  readonly name: string;
  /** Data messages that it sent and that were taken. */
  readonly received: number;
  /** Data messages that it was sent. */
  readonly sent: number;
  /** Data messages that it lost by falling out of the log. */
  readonly lost: number;
  /** Bytes of the log that wait for it. */
  readonly lagBytes: number;
}
