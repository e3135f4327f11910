// The strategy: reads trades until it has seen a hundred thousand. Its argument is the relay's address.
import { connect, formatFixed8, TradeTLV } from "alphapulse";

const [, , address = "unix:///tmp/alphapulse-market.sock"] = process.argv;
const ENOUGH = 100_000;

const market = await connect(address, { name: "strategy" });
let seen = 0;
let missed = 0;
let highest = 0;

await market.subscribe(
  { types: [TradeTLV] },
  {
    Trade(trade) {
      seen++;
      // A scaled integer as a number: the name says so, and beyond 2^53 it throws instead of rounding.
      highest = Math.max(highest, trade.priceUnits);
      if (seen + missed === ENOUGH) finish();
    },
    gap({ from, to }) {
      missed += to - from + 1;
      if (seen + missed === ENOUGH) finish();
    },
  },
);
console.log("subscribed to trades");

function finish(): void {
  console.log(`saw ${seen} trades, missed ${missed}; the highest price was ${formatFixed8(BigInt(highest))}`);
  void market.close();
}
