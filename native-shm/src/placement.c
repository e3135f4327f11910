#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>

#include "native.h"

#define CPU_COUNT_MAX 4096
#define BITS_PER_LONG (8 * sizeof(unsigned long))

// Larger than cpu_set_t, which ends at 1,024.
struct cpu_mask {
  unsigned long bits[CPU_COUNT_MAX / BITS_PER_LONG];
};

napi_value js_pin_thread(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1], element;
  uint32_t cpu_count;
  int64_t cpu;
  struct cpu_mask mask = {{0}};
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_array_length(env, args[0], &cpu_count));
  for (uint32_t i = 0; i < cpu_count; i++) {
    CHECK(env, napi_get_element(env, args[0], i, &element));
    CHECK(env, napi_get_value_int64(env, element, &cpu));
    if (cpu < 0 || cpu >= CPU_COUNT_MAX) return throw_argument(env, "the number of a CPU is 0 to 4095");
    mask.bits[(size_t)cpu / BITS_PER_LONG] |= 1UL << ((size_t)cpu % BITS_PER_LONG);
  }
  // 0 is the thread that calls, not the process.
  if (sched_setaffinity(0, sizeof mask, (const cpu_set_t *)&mask) == 0) return NULL;
  return throw_errno(env, errno, "pin", "this thread");
}

napi_value js_affinity(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value cpus, element;
  struct cpu_mask mask = {{0}};
  if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)&mask) < 0) return throw_errno(env, errno, "read", "the affinity");
  CHECK(env, napi_create_array(env, &cpus));
  uint32_t count = 0;
  for (uint32_t cpu = 0; cpu < CPU_COUNT_MAX; cpu++) {
    if ((mask.bits[cpu / BITS_PER_LONG] >> (cpu % BITS_PER_LONG) & 1) == 0) continue;
    CHECK(env, napi_create_uint32(env, cpu, &element));
    CHECK(env, napi_set_element(env, cpus, count++, element));
  }
  return cpus;
}

napi_value js_yield_core(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  sched_yield(); // cannot fail on Linux
  return NULL;
}
