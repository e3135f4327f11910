// Keeps what it is sent.
import { Actor, QuoteTLV } from "alphapulse";

export default new Actor(import.meta.url, {
  inputs: { quotes: [QuoteTLV] },
  setup() {
    const got = [];
    return {
      quotes: {
        Quote(quote) {
          got.push(Number(quote.bidPrice));
        },
      },
      snapshot: () => ({ got }),
    };
  },
});
