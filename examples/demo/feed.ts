import {
  Actor,
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  QuoteTLV,
  type Random,
  TradeTLV,
} from "alphapulse";
import {
  type AdapterEvent,
  BinanceAdapter,
  detectMarket,
  type RecordedEvent,
  type RecordedMarket,
  readRecordings,
} from "alphapulse/adapters";
import { monotonicNs, StampingPublisher } from "./ingress.js";
import { SIMULATED_MARKETS, simulate } from "./simulator.js";

/** Errors of frames told one by one; the rest are only counted. */
const ERRORS_TOLD_MAX = 10;

/**
 * Brings a venue's frames into the pipeline, recorded or simulated, in the order in which they were received, and has
 * one adapter per market make market data of them: recordings of the same market continue each other's books.
 */
export default new Actor(import.meta.url, {
  config: {
    /** Recordings to replay; none: the simulator. */
    replay: [] as readonly string[],
    /** How long the simulated markets are open. */
    simulatedSeconds: 180,
  },
  outputs: {
    market: {
      types: [InstrumentDiscoveredTLV, InstrumentStatusTLV, OrderBookTLV, OrderBookDeltaTLV, QuoteTLV, TradeTLV],
      onBackPressure: "wait",
    },
  },
  setup({ config, log, random, send }) {
    const output = new StampingPublisher(send.market);
    const adapters: BinanceAdapter[] = [];
    /** By the place of a recording. */
    const adapterOf: BinanceAdapter[] = [];
    let frameCount = 0;
    let errorsTold = 0;
    let firstUs = 0;
    let firstNs = 0;
    let lastUs = 0;

    function add({ market, venue }: RecordedMarket): void {
      let adapter = adapters.find((known) => known.market === market && known.venue === venue);
      if (adapter === undefined) {
        adapter = new BinanceAdapter({ market, venue, output, onEvent: (event) => tell(market, event) });
        adapters.push(adapter);
      }
      adapterOf.push(adapter);
    }

    function tell(market: string, event: AdapterEvent): void {
      if (event.type === "state") {
        const { symbol, state, reason, detail } = event;
        const why = reason === "none" ? {} : { reason, detail };
        log[state === "stale" ? "warn" : "info"](`${symbol} ${market} is ${state}`, why);
      } else if (event.type === "error" && errorsTold++ < ERRORS_TOLD_MAX) {
        log.warn(`${market}: a frame could not be taken`, { code: event.error.code, detail: event.error.message });
      }
    }

    return {
      feed: {
        events: eventsOf(config, random, add),
        on(event: RecordedEvent) {
          output.begin();
          if (frameCount++ === 0) {
            firstUs = event.atUs;
            firstNs = monotonicNs();
          }
          lastUs = event.atUs;
          adapterOf[event.recording]?.accept(event);
        },
      },
      snapshot: () => ({
        frames: frameCount,
        recordedSeconds: (lastUs - firstUs) / 1e6,
        firstNs,
        feeds: adapters.map((adapter) => adapter.stats()),
      }),
    };
  },
});

/** All events, once it is known which markets they are of. */
async function* eventsOf(
  { replay, simulatedSeconds }: { readonly replay: readonly string[]; readonly simulatedSeconds: number },
  random: Random,
  add: (market: RecordedMarket) => void,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  if (replay.length === 0) {
    SIMULATED_MARKETS.forEach(add);
    yield* simulate(random, simulatedSeconds);
    return;
  }
  for (const file of replay) add(await detectMarket(file));
  yield* readRecordings(replay);
}
