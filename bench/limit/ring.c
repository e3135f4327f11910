/* The floor: a ring of one producer and one consumer with records of 72 bytes, between two threads or two processes,
   each pinned to a core, made by a C compiler. Spinning, or asleep (futex) whenever there is nothing to do.
   cc -O3 -march=native -pthread ring.c -o ring
   ./ring throughput|latency threads|processes spin|sleep COUNT BATCH CPU CPU
   throughput prints ns a message, published in batches of BATCH; latency prints half a round trip, in ns. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 72, RECORDS = 1 << 14 };

/* A position and who waits for it to move. */
typedef struct {
  _Alignas(128) atomic_ulong position;
  atomic_uint waiting;
} side;

typedef struct {
  side head, tail;
  _Alignas(128) uint8_t records[RECORDS][MESSAGE_BYTES];
} ring;

static bool asleep;   /* whether who waits sleeps */
static int futexFlag; /* threads share an address space, processes do not */
static unsigned long count, batch;
static int cpus[2];
static ring *rings;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static unsigned long load(side *of) { return atomic_load_explicit(&of->position, memory_order_acquire); }

static void publish(side *of, unsigned long position) {
  atomic_store_explicit(&of->position, position, memory_order_release);
  if (!asleep) return;
  atomic_thread_fence(memory_order_seq_cst); /* who goes to sleep sees the position, or is seen */
  if (atomic_load_explicit(&of->waiting, memory_order_relaxed) && atomic_exchange(&of->waiting, 0))
    syscall(SYS_futex, &of->waiting, FUTEX_WAKE | futexFlag, 1, 0, 0, 0);
}

/* Waits until it is no longer `seen`. */
static unsigned long await(side *of, unsigned long seen) {
  unsigned long position;
  while ((position = load(of)) == seen) {
    if (!asleep) continue;
    atomic_store(&of->waiting, 1);
    if (load(of) == seen) syscall(SYS_futex, &of->waiting, FUTEX_WAIT | futexFlag, 1, 0, 0, 0);
  }
  return position;
}

static void write_record(ring *to, unsigned long sequence, uint8_t *message) {
  memcpy(message, &sequence, sizeof sequence);
  memcpy(to->records[sequence % RECORDS], message, MESSAGE_BYTES);
}

static void read_record(ring *from, unsigned long sequence, uint8_t *message) {
  unsigned long found;
  memcpy(message, from->records[sequence % RECORDS], MESSAGE_BYTES);
  memcpy(&found, message, sizeof found);
  if (found == sequence) return;
  fprintf(stderr, "message %lu is %lu\n", sequence, found);
  exit(1);
}

static void *produce(void *to) {
  ring *r = to;
  uint8_t message[MESSAGE_BYTES] = {0};
  unsigned long head = 0;
  pin(cpus[1]);
  for (unsigned long i = 0; i < count; i++) {
    if (i - head >= RECORDS) {
      publish(&r->tail, i);
      head = load(&r->head);
      while (i - head >= RECORDS) head = await(&r->head, head);
    }
    write_record(r, i, message);
    if ((i + 1) % batch == 0) publish(&r->tail, i + 1);
  }
  publish(&r->tail, count);
  return 0;
}

static double consume(ring *r) {
  uint8_t message[MESSAGE_BYTES];
  unsigned long tail = 0;
  double start = 0;
  for (unsigned long i = 0; i < count; i++) {
    if (i == tail) {
      publish(&r->head, i);
      tail = await(&r->tail, tail);
    }
    read_record(r, i, message);
    if ((i + 1) % batch == 0) publish(&r->head, i + 1);
    if (i == 0) start = now();
  }
  publish(&r->head, count);
  return (now() - start) / (count - 1);
}

static void *answer(void *both) {
  ring *r = both;
  uint8_t message[MESSAGE_BYTES];
  pin(cpus[1]);
  for (unsigned long i = 0; i < count; i++) {
    await(&r[0].tail, i);
    read_record(&r[0], i, message);
    write_record(&r[1], i, message);
    publish(&r[1].tail, i + 1);
  }
  return 0;
}

static void ask(ring *r, double *times) {
  uint8_t message[MESSAGE_BYTES] = {0};
  for (unsigned long i = 0; i < count; i++) {
    const double start = now();
    write_record(&r[0], i, message);
    publish(&r[0].tail, i + 1);
    await(&r[1].tail, i);
    read_record(&r[1], i, message);
    times[i] = (now() - start) / 2;
  }
}

static int order(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(bool throughput) {
  pin(cpus[0]);
  if (throughput) {
    printf("{\"ns\": %.3f}\n", consume(rings));
    return;
  }
  double *times = malloc(count * sizeof *times);
  ask(rings, times);
  qsort(times, count, sizeof *times, order);
  printf("{\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n", times[count / 2], times[count * 99 / 100],
         times[count * 999 / 1000]);
  free(times);
}

int main(int argc, char **argv) {
  if (argc != 8) return fputs("throughput|latency threads|processes spin|sleep COUNT BATCH CPU CPU\n", stderr), 2;
  const bool throughput = !strcmp(argv[1], "throughput"), threads = !strcmp(argv[2], "threads");
  asleep = !strcmp(argv[3], "sleep");
  futexFlag = threads ? FUTEX_PRIVATE_FLAG : 0;
  count = strtoul(argv[4], 0, 10);
  batch = strtoul(argv[5], 0, 10);
  if (count < 2 || batch < 1) return fputs("COUNT is at least 2, BATCH at least 1\n", stderr), 2;
  for (int i = 0; i < 2; i++) cpus[i] = atoi(argv[6 + i]);
  rings = mmap(0, 2 * sizeof *rings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (rings == MAP_FAILED) return perror("mmap"), 1;
  void *(*other)(void *) = throughput ? produce : answer;
  if (threads) {
    pthread_t thread;
    if (pthread_create(&thread, 0, other, rings)) return fputs("no thread\n", stderr), 1;
    measure(throughput);
    pthread_join(thread, 0);
    return 0;
  }
  const pid_t child = fork();
  if (child < 0) return perror("fork"), 1;
  if (child == 0) {
    other(rings);
    _exit(0);
  }
  measure(throughput);
  waitpid(child, 0, 0);
  return 0;
}
