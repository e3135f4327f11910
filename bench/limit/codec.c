/* The floor: a trade message of 74 bytes built, verified and peeked at by a C compiler, with the processor's own CRC-32C.
   The same work as our subjects do: thousands of messages one behind the other, each with other values.
   cc -O3 -march=native codec.c -o codec; ./codec prints ns a message, medians of 201 samples of 65,536 messages. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#define CRC_8(crc, value) _mm_crc32_u64(crc, value)
#define CRC_1(crc, value) _mm_crc32_u8((uint32_t)(crc), value)
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define CRC_8(crc, value) __crc32cd((uint32_t)(crc), value)
#define CRC_1(crc, value) __crc32cb((uint32_t)(crc), value)
#else
#error "this processor has no CRC-32C of its own"
#endif

enum { HEADER_BYTES = 32, MESSAGE_BYTES = 74, VALUE = 34, SLOTS = 4096 };

static uint8_t memory[SLOTS][MESSAGE_BYTES];
static uint64_t instruments[SLOTS];
static int64_t prices[SLOTS];
static uint64_t volumes[SLOTS];
static uint64_t times[SLOTS];

static uint32_t crc32c(uint32_t start, const uint8_t *at, size_t count) {
  uint64_t crc = start;
  for (; count >= 8; count -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    crc = CRC_8(crc, word);
  }
  for (; count > 0; count--, at++) crc = CRC_1(crc, *at);
  return (uint32_t)crc;
}

static uint32_t checksum(const uint8_t *message) {
  return ~crc32c(crc32c(~0u, message, 28), message + HEADER_BYTES, MESSAGE_BYTES - HEADER_BYTES);
}

static void put(uint8_t *at, uint64_t value, size_t bytes) { memcpy(at, &value, bytes); }

static uint64_t get(const uint8_t *at, size_t bytes) {
  uint64_t value = 0;
  memcpy(&value, at, bytes);
  return value;
}

static void build(uint8_t *message, uint64_t i) {
  const size_t n = i % SLOTS;
  put(message, 0xdeadbeef, 4);
  message[4] = 1;
  message[5] = 1;
  put(message + 6, 1000, 2);
  put(message + 8, i, 8);
  put(message + 16, 1763600000000000000u + i * 1000, 8);
  put(message + 24, MESSAGE_BYTES - HEADER_BYTES, 4);
  message[32] = 1;
  message[33] = 40;
  put(message + VALUE, 100 + n % 3, 2);
  message[VALUE + 2] = 13;
  message[VALUE + 3] = 0;
  put(message + VALUE + 4, instruments[n], 8);
  put(message + VALUE + 12, (uint64_t)prices[n], 8);
  put(message + VALUE + 20, volumes[n], 8);
  put(message + VALUE + 28, times[n], 8);
  message[VALUE + 36] = 1 + n % 2;
  message[VALUE + 37] = n % 4;
  put(message + VALUE + 38, 0, 2);
  put(message + 28, checksum(message), 4);
}

/* All checks of a reader, then all fields. */
static uint64_t parse(const uint8_t *message) {
  if (get(message, 4) != 0xdeadbeef || message[4] != 1 || message[5] != 1) return 0;
  if (get(message + 24, 4) != MESSAGE_BYTES - HEADER_BYTES || message[32] != 1 || message[33] != 40) return 0;
  if (get(message + 28, 4) != checksum(message)) return 0;
  return get(message + 6, 2) + get(message + 8, 8) + get(message + 16, 8) + get(message + VALUE, 2) +
         message[VALUE + 2] + get(message + VALUE + 4, 8) + get(message + VALUE + 12, 8) + get(message + VALUE + 20, 8) +
         get(message + VALUE + 28, 8) + message[VALUE + 36] + message[VALUE + 37];
}

static uint64_t peek(const uint8_t *message) { return message[5] + get(message + 6, 2) + get(message + 8, 8); }

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int order(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

enum { SAMPLES = 201, SAMPLE = 16 * SLOTS };

static double samples[SAMPLES];

static double median(void) {
  qsort(samples, SAMPLES, sizeof *samples, order);
  return samples[SAMPLES / 2];
}

int main(void) {
  uint64_t random = 0x9e3779b97f4a7c15;
  for (size_t n = 0; n < SLOTS; n++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    instruments[n] = 4779428236485677056u + random % 24;
    prices[n] = (int64_t)(random >> 20);
    volumes[n] = random >> 31;
    times[n] = 1763600000000000000u + (random >> 32);
  }
  uint64_t sum = 0;
  for (int s = 0; s < SAMPLES; s++) {
    const double start = now();
    for (uint64_t i = 0; i < SAMPLE; i++) build(memory[i % SLOTS], i + s);
    samples[s] = (now() - start) / SAMPLE;
    sum += memory[s][28];
  }
  const double built = median();
  for (int s = 0; s < SAMPLES; s++) {
    const double start = now();
    for (uint64_t i = 0; i < SAMPLE; i++) sum += parse(memory[i % SLOTS]);
    samples[s] = (now() - start) / SAMPLE;
  }
  const double parsed = median();
  for (int s = 0; s < SAMPLES; s++) {
    const double start = now();
    for (uint64_t i = 0; i < SAMPLE; i++) sum += peek(memory[i % SLOTS]);
    samples[s] = (now() - start) / SAMPLE;
  }
  printf("{\"buildNs\": %.3f, \"parseNs\": %.3f, \"peekNs\": %.3f, \"sum\": \"%llu\"}\n", built, parsed, median(),
         (unsigned long long)sum);
  return 0;
}
