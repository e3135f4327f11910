// Becomes the producer of a broadcast ring, publishes N trades and closes the ring.
#include "alphapulse_message.h"
#include "alphapulse_ring.h"
#include "options.h"

#define COUNT_DEFAULT 10
#define SOURCE 1000  // the users' own
#define VENUE_BINANCE 100
#define SPOT_PAIR 13

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// The trade of this number: its price goes up by a cent each time.
static struct ap_trade trade_of(uint64_t number, uint64_t timestamp_ns) {
  return (struct ap_trade){
      .venue = VENUE_BINANCE,
      .asset_type = SPOT_PAIR,
      .asset_id = ap_asset_id("BTCUSDT"),
      .price = 6400000000000 + (int64_t)number * 1000000,
      .volume = 1500000 + number,
      .timestamp_ns = timestamp_ns,
      .side = number % 2 == 0 ? 2 : 1,
  };
}

int main(int argc, char **argv) {
  struct options options = read_options(argc, argv, COUNT_DEFAULT);
  struct ap_ring ring;
  struct ap_producer producer;
  if (ap_attach(&ring, options.directory, options.name) < 0 || ap_produce(&producer, &ring) < 0) {
    fprintf(stderr, "%s\n", ring.error);
    return 1;
  }
  int result = 0;
  for (uint64_t number = 1; number <= options.count && result == 0; number++) {
    uint8_t message[AP_TRADE_MESSAGE_BYTES];
    uint64_t timestamp_ns = now_ns();
    struct ap_trade trade = trade_of(number, timestamp_ns);
    ap_write_trade(message, SOURCE, number, timestamp_ns, &trade);  // counts plainly from 1: no incarnation
    result = ap_publish(&producer, message, sizeof message);
  }
  if (result < 0) fprintf(stderr, "%s\n", ring.error);
  ap_close(&ring);
  ap_detach(&ring);
  return result < 0 ? 1 : 0;
}
