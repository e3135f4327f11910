// Messages of alphapulse in C11, as far as the programs here need them: a header, a Trade, CRC-32C. docs/protocol.md says
// the same in words.
#ifndef ALPHAPULSE_MESSAGE_H
#define ALPHAPULSE_MESSAGE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { AP_HEADER_BYTES = 32, AP_CHECKSUM_OFFSET = 28, AP_TRADE_TYPE = 1, AP_TRADE_BYTES = 40, AP_EXTENDED = 255 };
enum { AP_TRADE_MESSAGE_BYTES = AP_HEADER_BYTES + 2 + AP_TRADE_BYTES };

// ---- little-endian fields, wherever they stand ----

static inline uint64_t ap_get(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

static inline void ap_put(uint8_t *at, int bytes, uint64_t value) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

// ---- CRC-32C (Castagnoli) ----

static inline uint32_t ap_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  static uint32_t table[256];
  if (table[1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ ((value & 1) != 0 ? 0x82f63b78u : 0);
      table[i] = value;
    }
  }
  crc = ~crc;
  for (size_t i = 0; i < count; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
  return ~crc;
}

// Over everything but the four bytes of the checksum itself.
static inline uint32_t ap_checksum(const uint8_t *message, size_t byte_length) {
  uint32_t crc = ap_crc32c(0, message, AP_CHECKSUM_OFFSET);
  return ap_crc32c(crc, message + AP_HEADER_BYTES, byte_length - AP_HEADER_BYTES);
}

// Why this is no message, or NULL.
static inline const char *ap_check_message(const uint8_t *message, size_t byte_length) {
  if (byte_length < AP_HEADER_BYTES) return "TRUNCATED";
  if (ap_get(message, 4) != 0xdeadbeef) return "BAD_MAGIC";
  if (message[4] != 1) return "UNSUPPORTED_VERSION";
  if (ap_get(message + 24, 4) != byte_length - AP_HEADER_BYTES) return "SIZE_MISMATCH";
  if (ap_get(message + AP_CHECKSUM_OFFSET, 4) != ap_checksum(message, byte_length)) return "CHECKSUM_MISMATCH";
  return NULL;
}

// ---- TLVs ----

// The TLV at *at, which is moved behind it; its type, or 0 where there is none (whole).
static inline int ap_next_tlv(const uint8_t *message, size_t byte_length, size_t *at, const uint8_t **value, size_t *bytes) {
  if (byte_length - *at < 2) return 0;
  const uint8_t *tlv = message + *at;
  size_t header_bytes = tlv[0] == AP_EXTENDED ? 5 : 2;
  if (byte_length - *at < header_bytes) return 0;
  *bytes = tlv[0] == AP_EXTENDED ? (size_t)ap_get(tlv + 3, 2) : tlv[1];
  if (byte_length - *at - header_bytes < *bytes) return 0;
  *value = tlv + header_bytes;
  *at += header_bytes + *bytes;
  return tlv[0] == AP_EXTENDED ? tlv[2] : tlv[0];
}

struct ap_trade {
  uint16_t venue;
  uint8_t asset_type;
  uint64_t asset_id;
  int64_t price;    // 1e-8 units of the quote currency
  uint64_t volume;  // 1e-8 units of the base asset
  uint64_t timestamp_ns;
  uint8_t side;  // 0 unknown, 1 buy, 2 sell
  uint8_t flags;
};

static inline struct ap_trade ap_read_trade(const uint8_t *value) {
  return (struct ap_trade){
      .venue = (uint16_t)ap_get(value, 2),
      .asset_type = value[2],
      .asset_id = ap_get(value + 4, 8),
      .price = (int64_t)ap_get(value + 12, 8),
      .volume = ap_get(value + 20, 8),
      .timestamp_ns = ap_get(value + 28, 8),
      .side = value[36],
      .flags = value[37],
  };
}

// A whole message of one Trade.
static inline void ap_write_trade(uint8_t message[AP_TRADE_MESSAGE_BYTES], uint16_t source, uint64_t sequence,
                                  uint64_t timestamp_ns, const struct ap_trade *trade) {
  memset(message, 0, AP_TRADE_MESSAGE_BYTES);
  ap_put(message, 4, 0xdeadbeef);
  message[4] = 1;  // version
  message[5] = 1;  // relayDomain: MarketData
  ap_put(message + 6, 2, source);
  ap_put(message + 8, 8, sequence);
  ap_put(message + 16, 8, timestamp_ns);
  ap_put(message + 24, 4, 2 + AP_TRADE_BYTES);
  message[32] = AP_TRADE_TYPE;
  message[33] = AP_TRADE_BYTES;
  uint8_t *value = message + 34;
  ap_put(value, 2, trade->venue);
  value[2] = trade->asset_type;
  ap_put(value + 4, 8, trade->asset_id);
  ap_put(value + 12, 8, (uint64_t)trade->price);
  ap_put(value + 20, 8, trade->volume);
  ap_put(value + 28, 8, trade->timestamp_ns);
  value[36] = trade->side;
  value[37] = trade->flags;
  ap_put(message + AP_CHECKSUM_OFFSET, 4, ap_checksum(message, AP_TRADE_MESSAGE_BYTES));
}

// ---- text ----

// The asset id of a symbol of 1 to 8 characters.
static inline uint64_t ap_asset_id(const char *symbol) {
  uint64_t id = 0;
  for (int i = 0; i < 8; i++) id = id << 8 | (uint8_t)(*symbol == '\0' ? 0 : *symbol++);
  return id;
}

// The symbol where the id says it as it is, else the number.
static inline void ap_print_instrument(FILE *out, const struct ap_trade *trade) {
  fprintf(out, "%u/%u/", trade->venue, trade->asset_type);
  char symbol[9] = {0};
  bool is_text = trade->asset_type != 50 && trade->asset_type != 51;
  for (int i = 0; i < 8; i++) {
    uint8_t character = (uint8_t)(trade->asset_id >> (56 - 8 * i));
    bool is_end = i > 0 && character == 0 && (trade->asset_id << (8 * i)) == 0;
    if (is_end) break;
    if (character < 0x21 || character > 0x7e) is_text = false;
    symbol[i] = (char)character;
  }
  if (is_text) fprintf(out, "%s", symbol);
  else fprintf(out, "0x%016" PRIx64, trade->asset_id);
}

static inline void ap_print_fixed8(FILE *out, bool is_negative, uint64_t magnitude) {
  fprintf(out, "%s%" PRIu64 ".%08" PRIu64, is_negative ? "-" : "", magnitude / 100000000, magnitude % 100000000);
}

// One line: `7 100/13/BTC-USD buy 0.01500000 at 121706.51000000`.
static inline void ap_print_trade(FILE *out, uint64_t sequence, const struct ap_trade *trade) {
  static const char *const SIDES[] = {"unknown", "buy", "sell"};
  fprintf(out, "%" PRIu64 " ", sequence);
  ap_print_instrument(out, trade);
  fprintf(out, " %s ", SIDES[trade->side <= 2 ? trade->side : 0]);
  ap_print_fixed8(out, false, trade->volume);
  fprintf(out, " at ");
  ap_print_fixed8(out, trade->price < 0, trade->price < 0 ? 0 - (uint64_t)trade->price : (uint64_t)trade->price);
  fprintf(out, "\n");
}

#endif
