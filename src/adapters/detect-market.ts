import { Venue } from "../protocol/tables.js";
import type { BinanceMarket } from "./binance/sync.js";
import { RecordingError } from "./errors.js";
import { chunksOf, LineSplitter } from "./recording-file.js";
import { type LineParser, lineParserOf } from "./recording-lines.js";

/** What a recording is of. */
export interface RecordedMarket {
  readonly market: BinanceMarket;
  /** `Venue.Binance` or `Venue.BinanceUS`; which of the two shows only where the recording names its URLs. */
  readonly venue: Venue;
}

/** Lines looked at before giving up. */
const LINES_MAX = 10_000;

const HOSTS: readonly (readonly [RegExp, RecordedMarket])[] = [
  [/(^|\.)binance\.us$/, { market: "spot", venue: Venue.BinanceUS }],
  [/^fapi\.|^fstream\./, { market: "usdm", venue: Venue.Binance }],
  [/^dapi\.|^dstream\./, { market: "coinm", venue: Venue.Binance }],
  [/(^|\.)binance\.com$/, { market: "spot", venue: Venue.Binance }],
];

/**
 * Which market a recording is of: by the URLs that it names, else by what its frames look like.
 *
 * @throws RecordingError as `readRecording` does, and RECORDING_UNKNOWN_MARKET where its first 10,000 lines do not tell
 */
export async function detectMarket(file: string): Promise<RecordedMarket> {
  const lines = new LineSplitter(file);
  let parser: LineParser | undefined;
  const look = (line: Uint8Array): RecordedMarket | RecordingError | undefined => {
    if (line.length === 0) return undefined;
    parser ??= lineParserOf(line);
    if (parser === undefined || lines.line > LINES_MAX) return unknownMarket(file);
    const found = parser(line);
    if (found.problem !== undefined) return new RecordingError(found.problem, file, lines.line, found.detail);
    return (found.url === undefined ? undefined : marketOfUrl(found.url)) ?? marketOfJson(found.bytes);
  };
  let answer: RecordedMarket | RecordingError | undefined;
  for await (const chunk of chunksOf(file, lines)) {
    answer = lines.push(chunk, look);
    if (answer !== undefined) break;
  }
  if (answer === undefined) {
    const last = lines.rest();
    answer =
      last.length === 0 && lines.line === 1
        ? new RecordingError("RECORDING_EMPTY", file, undefined, "holds no lines")
        : look(last);
  }
  answer ??= unknownMarket(file);
  if (answer instanceof RecordingError) throw answer;
  return answer;
}

function unknownMarket(file: string): RecordingError {
  const detail = "its frames are of none of Binance's markets: spot, USD-M or COIN-M";
  return new RecordingError("RECORDING_UNKNOWN_MARKET", file, undefined, detail);
}

function marketOfUrl(url: string): RecordedMarket | undefined {
  try {
    const { hostname } = new URL(url);
    return HOSTS.find(([pattern]) => pattern.test(hostname))?.[1];
  } catch {
    return undefined;
  }
}

/** What of a frame's shape tells the market (VENUES.md, Binance): `ps` is COIN-M's, `pu` of futures, `M` of spot. */
function marketOfJson(bytes: Uint8Array): RecordedMarket | undefined {
  let event: Readonly<Record<string, unknown>> | undefined;
  try {
    const parsed = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    event = (parsed?.data ?? parsed ?? undefined) as typeof event;
  } catch {
    return undefined;
  }
  if (typeof event !== "object") return undefined;
  const has = (...keys: string[]): boolean => keys.every((key) => key in event);
  if (has("e", "ps")) return { market: "coinm", venue: Venue.Binance };
  if (event.e === "depthUpdate") return { market: has("pu") ? "usdm" : "spot", venue: Venue.Binance };
  if (has("u", "b", "B", "a", "A")) return { market: has("e") ? "usdm" : "spot", venue: Venue.Binance };
  const isTrade = event.e === "trade" || event.e === "aggTrade";
  return isTrade && has("M") ? { market: "spot", venue: Venue.Binance } : undefined;
}
