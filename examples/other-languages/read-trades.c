// Reads a broadcast ring and prints the trades that are published from now on, until N were printed or the ring is closed.
#include "alphapulse_message.h"
#include "alphapulse_ring.h"
#include "options.h"

// A producer may die between publishing and waking: so long at most is that not noticed.
#define SLEEP_MS_MAX 100

// Prints the trades of a message; how many there were.
static uint64_t print_trades(const uint8_t *message, size_t byte_length) {
  const char *wrong = ap_check_message(message, byte_length);
  if (wrong != NULL) {
    fprintf(stderr, "dropped a record that is no message: %s\n", wrong);
    return 0;
  }
  uint64_t count = 0;
  size_t at = AP_HEADER_BYTES, bytes = 0;
  const uint8_t *value = NULL;
  for (int type; (type = ap_next_tlv(message, byte_length, &at, &value, &bytes)) != 0;) {
    if (type != AP_TRADE_TYPE || bytes != AP_TRADE_BYTES) continue;
    struct ap_trade trade = ap_read_trade(value);
    ap_print_trade(stdout, ap_get(message + 8, 8), &trade);
    count++;
  }
  return count;
}

// Until `count` trades were printed or the ring is closed and empty; false where the ring is damaged.
static bool read_all(struct ap_reader *reader, uint64_t count) {
  for (uint64_t printed = 0; printed < count;) {
    bool is_last = ap_is_closed(reader->ring);  // before the look: what was published before it was closed counts
    switch (ap_read(reader)) {
      case AP_READ:
        printed += print_trades(reader->bytes, reader->byte_length);
        break;
      case AP_LOST:
        fprintf(stderr, "lost %" PRIu64 " records, %" PRIu64 " bytes\n", reader->lost_records, reader->lost_bytes);
        break;
      case AP_DAMAGED:
        fprintf(stderr, "something else wrote into this ring\n");
        return false;
      case AP_EMPTY:
        if (is_last) return true;
        ap_wait(reader, SLEEP_MS_MAX);
    }
  }
  return true;
}

int main(int argc, char **argv) {
  struct options options = read_options(argc, argv, UINT64_MAX);
  struct ap_ring ring;
  struct ap_reader reader;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (ap_attach(&ring, options.directory, options.name) < 0 || ap_join(&reader, &ring) < 0) {
    fprintf(stderr, "%s\n", ring.error);
    return 1;
  }
  fprintf(stderr, "reading from position %" PRIu64 "\n", reader.position);
  bool is_well = read_all(&reader, options.count);
  ap_leave(&reader);
  ap_detach(&ring);
  return is_well ? 0 : 1;
}
