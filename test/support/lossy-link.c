// lossy-link NAMESPACE_A NAMESPACE_B delayMs lossPercent reorderPercent seed
//
// Joins two network namespaces by a TUN device in each, both called "far", and carries packets between them as netem
// does: each is lost, or comes after the delay, or, where it is reordered, at once. For kernels without netem. Says
// "ready", and how many packets it carried and lost when it is told to end (SIGTERM).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_BYTES_MAX 2048
#define WAITING_MAX 4096 // a power of two

struct packet {
  int64_t due_ns;
  int bytes;
  unsigned char data[PACKET_BYTES_MAX];
};

// The packets of one way that wait, in the order in which they came: all wait equally long.
struct way {
  int from, to;
  unsigned head, tail;
  struct packet *waiting;
};

static volatile sig_atomic_t ended;
static uint64_t random_state;

static void end(int signal) {
  (void)signal;
  ended = 1;
}

// xorshift64*: a number from 0 to below 100.
static double random_percent(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (double)((random_state * 0x2545F4914F6CDD1DULL) >> 11) / 9007199254740992.0 * 100.0;
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void must(int isWell, const char *what) {
  if (isWell) return;
  fprintf(stderr, "lossy-link: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int device_in(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", name);
  int space = open(path, O_RDONLY | O_CLOEXEC);
  must(space >= 0, path);
  must(setns(space, CLONE_NEWNET) == 0, "setns");
  close(space);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  must(device >= 0, "/dev/net/tun");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strcpy(request.ifr_name, "far");
  must(ioctl(device, TUNSETIFF, &request) == 0, "TUNSETIFF");
  return device;
}

int main(int argc, char **argv) {
  must(argc == 7, "usage: lossy-link A B delayMs lossPercent reorderPercent seed");
  const int64_t delay_ns = (int64_t)(atof(argv[3]) * 1e6);
  const double loss = atof(argv[4]), reorder = atof(argv[5]);
  random_state = strtoull(argv[6], NULL, 10) | 1;
  const int a = device_in(argv[1]), b = device_in(argv[2]);
  struct way ways[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
  for (int i = 0; i < 2; i++) must((ways[i].waiting = malloc(WAITING_MAX * sizeof(struct packet))) != NULL, "memory");
  signal(SIGTERM, end);
  prctl(PR_SET_PDEATHSIG, SIGTERM); // not longer than the test
  printf("ready\n");
  fflush(stdout);

  unsigned long carried = 0, lost = 0, reordered = 0;
  while (!ended) {
    int64_t now = now_ns(), next_ns = now + 1000000000LL;
    for (int i = 0; i < 2; i++) {
      struct way *way = &ways[i];
      while (way->head != way->tail) {
        struct packet *first = &way->waiting[way->head % WAITING_MAX];
        if (first->due_ns > now) {
          if (first->due_ns < next_ns) next_ns = first->due_ns;
          break;
        }
        if (write(way->to, first->data, first->bytes) > 0) carried++;
        way->head++;
      }
    }
    struct pollfd files[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    struct timespec wait = {.tv_sec = (next_ns - now) / 1000000000LL, .tv_nsec = (next_ns - now) % 1000000000LL};
    if (ppoll(files, 2, &wait, NULL) <= 0) continue;
    for (int i = 0; i < 2; i++) {
      struct way *way = &ways[i];
      for (;;) {
        struct packet *last = &way->waiting[way->tail % WAITING_MAX];
        if (way->tail - way->head == WAITING_MAX) break; // the device keeps it
        last->bytes = (int)read(way->from, last->data, sizeof last->data);
        if (last->bytes <= 0) break;
        if (random_percent() < loss) lost++;
        else if (random_percent() < reorder) {
          if (write(way->to, last->data, last->bytes) > 0) reordered++;
        } else {
          last->due_ns = now_ns() + delay_ns;
          way->tail++;
        }
      }
    }
  }
  printf("carried %lu lost %lu reordered %lu\n", carried + reordered, lost, reordered);
  return 0;
}
