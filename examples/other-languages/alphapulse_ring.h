// Broadcast rings of alphapulse in C11, on Linux: attaching by name, reading, writing. docs/rings.md says the same in
// words; the names here are those of that page. One header, no library: include it and compile.
#ifndef ALPHAPULSE_RING_H
#define ALPHAPULSE_RING_H

#ifndef _GNU_SOURCE
#error "compile with -D_GNU_SOURCE: locks that belong to a file description are Linux's own"
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a ring holds little-endian words");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "words are shared between processes, so no lock of this one can guard them");

// ---- layout: indices of 32-bit words ----

#define AP_MAGIC 0x47525041u  // "APRG"
#define AP_LAYOUT_VERSION 2u
#define AP_BROADCAST 3u

enum { AP_MAGIC_WORD = 0, AP_VERSION_WORD = 1, AP_KIND_WORD = 2, AP_CAPACITY_WORD = 3 };
enum { AP_CLOSED_WORD = 32, AP_TAIL_WORD = 64, AP_RECORDS_WORD = 96, AP_LATEST_WORD = 99, AP_INTENT_WORD = 128 };
enum { AP_RING_HEADER_BYTES = 768, AP_RECORD_HEADER_BYTES = 8 };

#define AP_SLEEPER 1u  // in the low word of TAIL
enum { AP_STATE_MASK = 3, AP_RECORD = 2, AP_PADDING = 3 };
#define AP_BYTES_MASK 0x01fffff8u  // of a record's first word: its bytes

// Places are bytes of the file, far behind its end, that are locked while they are taken.
#define AP_PLACES_OFFSET ((off_t)1 << 40)
enum { AP_PRODUCER_PLACE = 0, AP_ATTACHED_PLACE = 129 };

// ---- a ring ----

struct ap_ring {
  int fd;
  size_t byte_length;
  _Atomic uint32_t *words;
  _Atomic uint32_t *records;  // the same memory, from the first record on
  uint32_t capacity;
  char error[PATH_MAX + 128];  // why the last call failed
};

static inline int ap_fail(struct ap_ring *ring, const char *what, const char *why) {
  snprintf(ring->error, sizeof ring->error, "%.*s: %.120s", PATH_MAX, what, why);
  return -1;
}

// Whether this process is given the place. A lock ends with its file descriptor, so also with its process.
static inline bool ap_lock(const struct ap_ring *ring, int place, bool shared) {
  struct flock lock = {.l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  lock.l_start = AP_PLACES_OFFSET + place;
  return fcntl(ring->fd, F_OFD_SETLK, &lock) == 0;
}

static inline void ap_detach(struct ap_ring *ring) {
  if (ring->words != NULL) munmap((void *)ring->words, ring->byte_length);
  if (ring->fd >= 0) close(ring->fd);
  ring->words = NULL;
  ring->fd = -1;
}

static inline int ap_check(struct ap_ring *ring, const char *path) {
  if (atomic_load(&ring->words[AP_MAGIC_WORD]) != AP_MAGIC) return ap_fail(ring, path, "this file holds no ring");
  if (ring->words[AP_VERSION_WORD] != AP_LAYOUT_VERSION) return ap_fail(ring, path, "this ring has another layout version");
  if (ring->words[AP_KIND_WORD] != AP_BROADCAST) return ap_fail(ring, path, "this is no broadcast ring");
  uint32_t capacity = ring->words[AP_CAPACITY_WORD];
  if (capacity < 1024 || capacity > 1u << 30 || (capacity & (capacity - 1)) != 0 ||
      ring->byte_length != AP_RING_HEADER_BYTES + (size_t)capacity)
    return ap_fail(ring, path, "the file's size is not that of the ring");
  ring->capacity = capacity;
  ring->records = ring->words + AP_RING_HEADER_BYTES / 4;
  return 0;
}

static inline int ap_map(struct ap_ring *ring, const char *path) {
  struct stat own, named;
  if (fstat(ring->fd, &own) < 0) return ap_fail(ring, path, strerror(errno));
  if (!S_ISREG(own.st_mode) || own.st_size < AP_RING_HEADER_BYTES) return ap_fail(ring, path, "this file holds no ring");
  // From here on the ring is in use, and nobody takes it over. It was taken over already where its name leads elsewhere.
  if (!ap_lock(ring, AP_ATTACHED_PLACE, true) || lstat(path, &named) < 0 || named.st_ino != own.st_ino ||
      named.st_dev != own.st_dev)
    return ap_fail(ring, path, "this ring is just being taken over: try again");
  void *base = mmap(NULL, (size_t)own.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
  if (base == MAP_FAILED) return ap_fail(ring, path, strerror(errno));
  ring->byte_length = (size_t)own.st_size;
  ring->words = base;
  return ap_check(ring, path);
}

// Attaches to a broadcast ring. A directory of NULL is the user's own. 0, or -1 and ring->error.
static inline int ap_attach(struct ap_ring *ring, const char *directory, const char *name) {
  char own[64], path[PATH_MAX];
  *ring = (struct ap_ring){.fd = -1};
  if (*name == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return ap_fail(ring, name, "this is no name of a ring");
  snprintf(own, sizeof own, "/dev/shm/alphapulse-%u", (unsigned)getuid());
  int length = snprintf(path, sizeof path, "%s/%s", directory != NULL ? directory : own, name);
  if (length < 0 || (size_t)length >= sizeof path) return ap_fail(ring, name, "its path is too long");
  ring->fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (ring->fd < 0) return ap_fail(ring, path, strerror(errno));
  if (ap_map(ring, path) == 0) return 0;
  ap_detach(ring);
  return -1;
}

static inline bool ap_is_closed(const struct ap_ring *ring) {
  return atomic_load(&ring->words[AP_CLOSED_WORD]) != 0;
}

// The longest payload of a record.
static inline uint32_t ap_payload_bytes_max(const struct ap_ring *ring) {
  uint32_t bytes = ring->capacity / 8;
  return (bytes < AP_BYTES_MASK ? bytes : AP_BYTES_MASK) - AP_RECORD_HEADER_BYTES;
}

// ---- positions and counts of 64 bits: the low word, then the high word twice ----

// Whole, whatever its writer is doing. Where the writer died while it carried, the low word says which high word is right.
static inline uint64_t ap_load64(const struct ap_ring *ring, int index) {
  for (int looks = 1;; looks++) {
    uint32_t second = atomic_load(&ring->words[index + 2]);
    uint32_t low = atomic_load(&ring->words[index]);
    uint32_t first = atomic_load(&ring->words[index + 1]);
    if (first == second || looks > 1000) return (uint64_t)(low >> 31 == 0 ? first : second) << 32 | low;
  }
}

// A position: the lowest bits of TAIL's low word do not belong to it.
static inline uint64_t ap_load_position(const struct ap_ring *ring, int index) {
  return ap_load64(ring, index) & ~UINT64_C(7);
}

// By the only one who writes it. Returns what the low word was.
static inline uint32_t ap_store64(struct ap_ring *ring, int index, uint64_t value) {
  uint32_t high = (uint32_t)(value >> 32);
  bool carries = ring->words[index + 1] != high;
  if (carries) atomic_store(&ring->words[index + 1], high);
  uint32_t was = atomic_exchange(&ring->words[index], (uint32_t)value);
  if (carries) atomic_store(&ring->words[index + 2], high);
  return was;
}

// Makes whole what a producer that died while it carried left.
static inline uint64_t ap_repair64(struct ap_ring *ring, int index) {
  uint64_t value = ap_load64(ring, index);
  atomic_store(&ring->words[index + 1], (uint32_t)(value >> 32));
  atomic_store(&ring->words[index + 2], (uint32_t)(value >> 32));
  return value;
}

// ---- records ----

static inline uint32_t ap_word(const struct ap_ring *ring, uint64_t position, unsigned offset) {
  uint32_t at = (uint32_t)position & (ring->capacity - 1);
  return atomic_load_explicit(&ring->records[(at + offset) / 4], memory_order_relaxed);
}

static inline void ap_set_word(struct ap_ring *ring, uint64_t position, unsigned offset, uint32_t word) {
  uint32_t at = (uint32_t)position & (ring->capacity - 1);
  atomic_store_explicit(&ring->records[(at + offset) / 4], word, memory_order_relaxed);
}

// Whether a record or padding of these words can stand where so many bytes follow.
static inline bool ap_is_record(uint32_t word, uint32_t second, uint64_t available) {
  uint32_t bytes = word & AP_BYTES_MASK, state = word & AP_STATE_MASK;
  if (bytes == 0 || bytes > available) return false;
  return state == AP_PADDING || (state == AP_RECORD && bytes - AP_RECORD_HEADER_BYTES >= (second & 7));
}

// The count next to `count` whose lowest 29 bits are the ordinal of this second word.
static inline uint64_t ap_count_of(uint32_t second, uint64_t count) {
  uint32_t ahead = ((second >> 3) - (uint32_t)count) & 0x1fffffffu;
  return ahead < 1u << 28 ? count + ahead : count - ((1u << 29) - ahead);
}

// ---- reading ----

struct ap_reader {
  struct ap_ring *ring;
  uint64_t position;  // where the next record begins
  uint64_t count;     // records before it
  uint8_t *bytes;     // a copy of the record that was read: what lies in the ring may be overwritten at any time
  uint32_t byte_length;
  uint64_t lost_records, lost_bytes;  // of the last AP_LOST
};

enum ap_result { AP_READ, AP_EMPTY, AP_LOST, AP_DAMAGED };

// Goes to the last record that was published. AP_EMPTY where none stays for long enough to be read: try again later.
static inline enum ap_result ap_land(struct ap_reader *reader) {
  struct ap_ring *ring = reader->ring;
  for (int tries = 0; tries < 1000; tries++) {
    uint64_t count = ap_load64(ring, AP_RECORDS_WORD);
    uint64_t latest = ap_load64(ring, AP_LATEST_WORD);
    uint32_t word = ap_word(ring, latest, 0), second = ap_word(ring, latest, 4);
    atomic_thread_fence(memory_order_acquire);
    if (ap_load64(ring, AP_INTENT_WORD) - latest > ring->capacity) continue;
    if (!ap_is_record(word, second, ring->capacity)) return AP_DAMAGED;
    reader->position = latest;
    reader->count = (word & AP_STATE_MASK) == AP_RECORD ? ap_count_of(second, count) : count;
    return AP_LOST;
  }
  return AP_EMPTY;
}

static inline enum ap_result ap_overrun(struct ap_reader *reader) {
  uint64_t position = reader->position, count = reader->count;
  enum ap_result result = ap_land(reader);
  reader->lost_bytes = reader->position - position;
  reader->lost_records = reader->count - count;
  return result;
}

// One record, into reader->bytes. Never blocks.
static inline enum ap_result ap_read(struct ap_reader *reader) {
  struct ap_ring *ring = reader->ring;
  for (;;) {
    uint64_t lag = ap_load_position(ring, AP_TAIL_WORD) - reader->position;  // 1: before any byte of a record
    if (lag == 0) return AP_EMPTY;
    if (lag > ring->capacity) return ap_overrun(reader);
    uint32_t to_end = ring->capacity - ((uint32_t)reader->position & (ring->capacity - 1));
    uint32_t word = ap_word(ring, reader->position, 0), second = ap_word(ring, reader->position, 4);
    uint32_t bytes = word & AP_BYTES_MASK;
    bool is_record = ap_is_record(word, second, lag < to_end ? lag : to_end) && bytes <= ring->capacity / 8;
    bool is_padding = (word & AP_STATE_MASK) == AP_PADDING;
    if (is_record && !is_padding) {
      for (uint32_t i = AP_RECORD_HEADER_BYTES; i < bytes; i += 4) {  // 2: the copy
        uint32_t four = ap_word(ring, reader->position, i);
        memcpy(reader->bytes + i - AP_RECORD_HEADER_BYTES, &four, 4);
      }
    }
    atomic_thread_fence(memory_order_acquire);  // 3: was it still there when the copy was done?
    if (ap_load64(ring, AP_INTENT_WORD) - reader->position > ring->capacity) return ap_overrun(reader);
    if (!is_record) return AP_DAMAGED;
    reader->position += bytes;
    if (is_padding) continue;
    reader->count++;
    reader->byte_length = bytes - AP_RECORD_HEADER_BYTES - (second & 7);
    return AP_READ;
  }
}

// Begins behind what was published so far. 0, or -1 and ring->error.
static inline int ap_join(struct ap_reader *reader, struct ap_ring *ring) {
  uint64_t latest = ap_load64(ring, AP_LATEST_WORD);  // before TAIL: it is the same only where nothing was published
  *reader = (struct ap_reader){.ring = ring, .position = ap_load_position(ring, AP_TAIL_WORD)};
  reader->bytes = malloc(ap_payload_bytes_max(ring) + 8u);
  if (reader->bytes == NULL) return ap_fail(ring, "join", "out of memory");
  uint64_t tail = reader->position;
  if (latest == tail) return 0;
  enum ap_result result = ap_land(reader);  // the count of records stands in the last one
  while (result != AP_DAMAGED && reader->position < tail) result = ap_read(reader);
  if (result != AP_DAMAGED) return 0;
  free(reader->bytes);
  return ap_fail(ring, "join", "something else wrote into this ring");
}

static inline void ap_leave(struct ap_reader *reader) {
  free(reader->bytes);
  reader->bytes = NULL;
}

// Sleeps until there may be something to read, at most so long. May return early.
static inline void ap_wait(const struct ap_reader *reader, int timeout_ms) {
  struct ap_ring *ring = reader->ring;
  if (ap_load_position(ring, AP_TAIL_WORD) != reader->position) return;
  uint32_t tail = (uint32_t)reader->position, found = tail;
  // The bit stands in the very word that is slept on: who changes the word sees it, and wakes.
  if (!atomic_compare_exchange_strong(&ring->words[AP_TAIL_WORD], &found, tail | AP_SLEEPER) && found != (tail | AP_SLEEPER))
    return;
  if (ap_is_closed(ring)) return;
  struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
  syscall(SYS_futex, &ring->words[AP_TAIL_WORD], FUTEX_WAIT, tail | AP_SLEEPER, &timeout, NULL, 0);
}

// ---- writing ----

struct ap_producer {
  struct ap_ring *ring;
  uint64_t tail, intent, count;
};

// Goes on from what a producer that died left: it may have published records that it had not counted yet.
static inline int ap_recover(struct ap_producer *producer) {
  struct ap_ring *ring = producer->ring;
  uint64_t latest = ap_repair64(ring, AP_LATEST_WORD);
  producer->count = ap_repair64(ring, AP_RECORDS_WORD);
  if (latest == producer->tail) return 0;  // nothing was ever published
  for (uint64_t position = latest; position != producer->tail;) {
    uint32_t word = ap_word(ring, position, 0), second = ap_word(ring, position, 4);
    if (!ap_is_record(word, second, producer->tail - position))
      return ap_fail(ring, "produce", "something else wrote into this ring");
    if ((word & AP_STATE_MASK) == AP_RECORD) {
      latest = position;
      producer->count = ap_count_of(second, producer->count) + 1;
    }
    position += word & AP_BYTES_MASK;
  }
  ap_store64(ring, AP_LATEST_WORD, latest);
  ap_store64(ring, AP_RECORDS_WORD, producer->count);
  return 0;
}

static inline void ap_wake(struct ap_ring *ring) {
  syscall(SYS_futex, &ring->words[AP_TAIL_WORD], FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

// Becomes the ring's only producer. 0, or -1 and ring->error.
static inline int ap_produce(struct ap_producer *producer, struct ap_ring *ring) {
  if (!ap_lock(ring, AP_PRODUCER_PLACE, false)) return ap_fail(ring, "produce", "this ring has a producer that lives");
  *producer = (struct ap_producer){.ring = ring, .tail = ap_repair64(ring, AP_TAIL_WORD) & ~UINT64_C(7)};
  producer->intent = ap_repair64(ring, AP_INTENT_WORD);
  if (ap_recover(producer) < 0) return -1;
  ap_wake(ring);  // whom one that died left asleep
  return 0;
}

static inline void ap_write_record(struct ap_ring *ring, uint64_t position, const uint8_t *bytes, uint32_t byte_length,
                                   uint64_t count) {
  uint32_t needed = (byte_length + AP_RECORD_HEADER_BYTES + 7) & ~7u;
  ap_set_word(ring, position, 0, needed | AP_RECORD);  // of place 0
  ap_set_word(ring, position, 4, (uint32_t)count << 3 | (needed - AP_RECORD_HEADER_BYTES - byte_length));
  for (uint32_t i = 0; i < byte_length; i += 4) {
    uint32_t four = 0;
    memcpy(&four, bytes + i, byte_length - i < 4 ? byte_length - i : 4);
    ap_set_word(ring, position, AP_RECORD_HEADER_BYTES + i, four);
  }
}

// Publishes a record. Never waits for readers. 0, or -1 and ring->error where it is too long or the ring was closed.
static inline int ap_publish(struct ap_producer *producer, const uint8_t *bytes, uint32_t byte_length) {
  struct ap_ring *ring = producer->ring;
  if (byte_length > ap_payload_bytes_max(ring)) return ap_fail(ring, "publish", "the record is too long for this ring");
  if (ap_is_closed(ring)) return ap_fail(ring, "publish", "the ring was closed");
  uint32_t needed = (byte_length + AP_RECORD_HEADER_BYTES + 7) & ~7u;
  uint32_t to_end = ring->capacity - ((uint32_t)producer->tail & (ring->capacity - 1));
  uint32_t padding = needed > to_end ? to_end : 0;
  uint64_t start = producer->tail + padding, end = start + needed;

  if (end > producer->intent) {  // 1: readers know before any byte is overwritten
    producer->intent = end + ring->capacity / 16;
    ap_store64(ring, AP_INTENT_WORD, producer->intent);
  }
  atomic_thread_fence(memory_order_release);
  if (padding > 0) ap_set_word(ring, producer->tail, 0, padding | AP_PADDING);  // 2
  ap_write_record(ring, start, bytes, byte_length, producer->count);
  uint32_t was = ap_store64(ring, AP_TAIL_WORD, end);  // 3: published, and it shows whether somebody sleeps
  producer->tail = end;
  producer->count++;
  ap_store64(ring, AP_LATEST_WORD, start);  // 4
  ap_store64(ring, AP_RECORDS_WORD, producer->count);
  if ((was & AP_SLEEPER) != 0) ap_wake(ring);  // 5
  return 0;
}

// Closes the ring for all, and wakes those that sleep.
static inline void ap_close(struct ap_ring *ring) {
  atomic_store(&ring->words[AP_CLOSED_WORD], 1);
  atomic_fetch_and(&ring->words[AP_TAIL_WORD], ~AP_SLEEPER);  // so that nobody who is about to sleep does
  ap_wake(ring);
}

#endif
