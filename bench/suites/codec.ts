/**
 * Messages to bytes and back, beside the peers: every field of every message is written or read, losslessly, over
 * thousands of different messages. Then the same work in C, what checksums cost, and what more types cost.
 */

import { compareWithLimit } from "../codec/limit.js";
import { ourBooks } from "../codec/our-book.js";
import { ourQuotes } from "../codec/our-quote.js";
import { ourTrades } from "../codec/our-trade.js";
import { bookSubjects, type Peer, quoteSubjects, type Subjects, tradeSubjects } from "../codec/peer.js";
import { avsc } from "../codec/peers/avsc.js";
import { bebop } from "../codec/peers/bebop.js";
import { flatbuffers } from "../codec/peers/flatbuffers.js";
import { json } from "../codec/peers/json.js";
import { msgpack, msgpackr } from "../codec/peers/msgpack.js";
import { protobufEs } from "../codec/peers/protobuf.js";
import { protobufByHand } from "../codec/peers/protobuf-by-hand.js";
import { compareTypeCounts } from "../codec/types.js";
import type { BenchContext } from "../harness.js";

export async function run(context: BenchContext): Promise<void> {
  await compareWithLimit(context);
  const peers: Peer[] = [];
  for (const load of [bebop, msgpackr, avsc, protobufEs, protobufByHand, flatbuffers, msgpack]) {
    const peer = await load(context);
    if (peer !== undefined) peers.push(peer);
  }
  peers.push(json);
  await compareMessages(context, "Trade", ourTrades(), tradeSubjects(peers));
  await compareMessages(context, "Quote", ourQuotes(), quoteSubjects(peers));
  await compareMessages(context, "OrderBook of 20 levels", ourBooks(), bookSubjects(peers));
  await compareTypeCounts(context);
}

async function compareMessages(context: BenchContext, what: string, ours: Subjects, theirs: Subjects): Promise<void> {
  for (const [subject, value] of Object.entries({ ...ours.bytes, ...theirs.bytes })) {
    context.report({ name: `${what}: encoded`, subject, value, unit: "bytes", better: "lower" });
  }
  for (const direction of ["encode", "decode"] as const) {
    const subjects = { ...ours[direction], ...theirs[direction] };
    await context.compare({ name: `${what}: ${direction}`, subjects, allocation: true });
  }
}
