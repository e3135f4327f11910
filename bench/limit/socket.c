/* The floor: messages of 74 bytes between two processes, each pinned to a core, over a Unix stream socket, TCP on the
   loopback or UDP on the loopback, made by a C compiler. Blocking in the kernel, or spinning on sockets that never block.
   cc -O3 -march=native socket.c -o socket
   ./socket throughput|latency unix|tcp|udp sleep|spin COUNT CPU CPU
   throughput prints ns a message: streams in writes of up to 64 KiB, UDP in datagrams of up to 1,400 bytes, sent as far as
   the receiver gave room, so that none is lost. latency prints half a round trip, in ns. The receiver finds each message by
   the size in its header, and checks its sequence. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  MESSAGE_BYTES = 74,
  HEADER_BYTES = 32,
  SEQUENCE_OFFSET = 8,
  PAYLOAD_SIZE_OFFSET = 24,
  WRITE_BYTES = 64 << 10,
  DATAGRAM_BYTES = 1400,
  WINDOW = 48, /* datagrams on their way; the kernel's default buffer has room for more */
  CREDIT = 12,
  SECONDS_MAX = 60,
};
static const uint32_t MAGIC = 0xdeadbeef;

static bool datagrams;
static int flags; /* of every read and write: whether it may block */
static unsigned long count;
static int cpus[2];
static double *started; /* when the first message was sent: the two processes share it */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static size_t receive_some(int socket, uint8_t *bytes, size_t room) {
  for (;;) {
    const ssize_t got = recv(socket, bytes, room, flags);
    if (got > 0) return got;
    if (got == 0) fputs("the other end has gone\n", stderr), exit(1);
    if (errno != EAGAIN && errno != EINTR) fail("recv");
  }
}

static void send_all(int socket, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    const ssize_t sent = send(socket, bytes, length, flags | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) fail("send");
    if (sent <= 0) continue;
    bytes += sent;
    length -= sent;
  }
}

static void write_message(uint8_t *at, uint64_t sequence) {
  static const uint32_t payload = MESSAGE_BYTES - HEADER_BYTES;
  static uint8_t message[MESSAGE_BYTES];
  memcpy(message, &MAGIC, sizeof MAGIC);
  memcpy(message + SEQUENCE_OFFSET, &sequence, sizeof sequence);
  memcpy(message + PAYLOAD_SIZE_OFFSET, &payload, sizeof payload);
  memcpy(at, message, MESSAGE_BYTES);
}

/* Takes all whole messages. Returns how many bytes they had. */
static size_t take_messages(const uint8_t *bytes, size_t length, uint64_t *sequence) {
  size_t at = 0;
  while (length - at >= HEADER_BYTES) {
    uint32_t magic, payload;
    uint64_t found;
    memcpy(&magic, bytes + at, sizeof magic);
    memcpy(&payload, bytes + at + PAYLOAD_SIZE_OFFSET, sizeof payload);
    memcpy(&found, bytes + at + SEQUENCE_OFFSET, sizeof found);
    if (length - at < HEADER_BYTES + (size_t)payload) break;
    if (magic != MAGIC || found != *sequence) {
      fprintf(stderr, "message %lu is %lu\n", (unsigned long)*sequence, (unsigned long)found);
      exit(1);
    }
    ++*sequence;
    at += HEADER_BYTES + payload;
  }
  return at;
}

static void receive_message(int socket, uint64_t sequence) {
  uint8_t bytes[MESSAGE_BYTES];
  size_t length = 0;
  while (length < MESSAGE_BYTES) length += receive_some(socket, bytes + length, MESSAGE_BYTES - length);
  take_messages(bytes, length, &sequence);
}

static void send_message(int socket, uint64_t sequence) {
  uint8_t bytes[MESSAGE_BYTES];
  write_message(bytes, sequence);
  send_all(socket, bytes, MESSAGE_BYTES);
}

static void produce(int socket) {
  static uint8_t bytes[WRITE_BYTES];
  const size_t room = datagrams ? DATAGRAM_BYTES : WRITE_BYTES;
  unsigned long credit = WINDOW;
  size_t filled = 0;
  *started = now();
  for (uint64_t i = 0; i < count; i++) {
    write_message(bytes + filled, i);
    filled += MESSAGE_BYTES;
    if (filled + MESSAGE_BYTES <= room && i + 1 < count) continue;
    if (datagrams && credit-- == 0) {
      uint8_t more;
      receive_some(socket, &more, 1);
      credit = CREDIT - 1;
    }
    send_all(socket, bytes, filled);
    filled = 0;
  }
}

static double consume(int socket) {
  static uint8_t bytes[WRITE_BYTES];
  const uint8_t more = 1;
  uint64_t sequence = 0;
  size_t length = 0;
  for (unsigned long reads = 1; sequence < count; reads++) {
    length += receive_some(socket, bytes + length, WRITE_BYTES - length);
    const size_t taken = take_messages(bytes, length, &sequence);
    length -= taken;
    memmove(bytes, bytes + taken, length);
    if (datagrams && reads % CREDIT == 0) send_all(socket, &more, 1);
  }
  return (now() - *started) / count;
}

static void answer(int socket) {
  for (uint64_t i = 0; i < count; i++) {
    receive_message(socket, i);
    send_message(socket, i);
  }
}

static void ask(int socket, double *times) {
  for (uint64_t i = 0; i < count; i++) {
    const double start = now();
    send_message(socket, i);
    receive_message(socket, i);
    times[i] = (now() - start) / 2;
  }
}

static int order(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(int socket, bool throughput) {
  if (throughput) {
    printf("{\"ns\": %.3f}\n", consume(socket));
    return;
  }
  double *times = malloc(count * sizeof *times);
  ask(socket, times);
  qsort(times, count, sizeof *times, order);
  printf("{\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n", times[count / 2], times[count * 99 / 100],
         times[count * 999 / 1000]);
  free(times);
}

static int bound(int type, struct sockaddr_in *address) {
  socklen_t size = sizeof *address;
  const int made = socket(AF_INET, type, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (made < 0 || bind(made, (struct sockaddr *)address, size) < 0) fail("bind");
  if (getsockname(made, (struct sockaddr *)address, &size) < 0) fail("getsockname");
  return made;
}

static void join(int socket, const struct sockaddr_in *to) {
  if (connect(socket, (const struct sockaddr *)to, sizeof *to) < 0) fail("connect");
}

/* Both ends of a connection. */
static void open_pair(const char *transport, int ends[2]) {
  struct sockaddr_in addresses[2];
  const int on = 1;
  if (!strcmp(transport, "unix")) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) fail("socketpair");
    return;
  }
  if (datagrams) {
    for (int i = 0; i < 2; i++) ends[i] = bound(SOCK_DGRAM, &addresses[i]);
    for (int i = 0; i < 2; i++) join(ends[i], &addresses[1 - i]);
    return;
  }
  const int listener = bound(SOCK_STREAM, &addresses[0]);
  if (listen(listener, 1) < 0) fail("listen");
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  join(ends[0], &addresses[0]);
  ends[1] = accept(listener, 0, 0);
  if (ends[1] < 0) fail("accept");
  for (int i = 0; i < 2; i++) setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  close(listener);
}

int main(int argc, char **argv) {
  if (argc != 7) return fputs("throughput|latency unix|tcp|udp sleep|spin COUNT CPU CPU\n", stderr), 2;
  const bool throughput = !strcmp(argv[1], "throughput");
  int ends[2];
  datagrams = !strcmp(argv[2], "udp");
  flags = strcmp(argv[3], "spin") ? 0 : MSG_DONTWAIT;
  count = strtoul(argv[4], 0, 10);
  if (count < 1) return fputs("COUNT is at least 1\n", stderr), 2;
  for (int i = 0; i < 2; i++) cpus[i] = atoi(argv[5 + i]);
  started = mmap(0, sizeof *started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (started == MAP_FAILED) fail("mmap");
  open_pair(argv[2], ends);
  alarm(SECONDS_MAX); /* whatever happens, it ends */
  const pid_t child = fork();
  if (child < 0) fail("fork");
  const int end = ends[child == 0];
  close(ends[child != 0]);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS_MAX);
    pin(cpus[1]);
    if (throughput) produce(end);
    else answer(end);
    for (;;) pause(); /* its socket stays: what is sent to a closed one is an error */
  }
  pin(cpus[0]);
  measure(end, throughput);
  kill(child, SIGKILL);
  waitpid(child, 0, 0);
  return 0;
}
