#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

// FUTEX_WAIT and FUTEX_WAKE without FUTEX_PRIVATE_FLAG: the word is one word for all processes that map the file. The
// kernel reads it, and answers EFAULT where the memory is gone: nothing here touches it.

int futex_wait(const void *word, int32_t value, const struct timespec *timeout) {
  return syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0) == 0 ? 0 : errno;
}

int futex_wake(const void *word, int32_t count) {
  return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

// Beyond this it is endless: 30 years.
#define TIMEOUT_MS_MAX 1e12

napi_value js_futex_wait(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4];
  int32_t value;
  double timeout_ms;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_int32(env, args[2], &value));
  CHECK(env, napi_get_value_double(env, args[3], &timeout_ms));
  const struct segment *segment = segment_of(env, args[0]);
  if (segment == NULL) return NULL;
  const char *word = word_of(env, segment, args[1]);
  if (word == NULL) return NULL;

  struct timespec timeout = {0, 0};
  bool is_endless = isnan(timeout_ms) || timeout_ms > TIMEOUT_MS_MAX;
  if (!is_endless && timeout_ms > 0) {
    timeout.tv_sec = (time_t)(timeout_ms / 1000);
    timeout.tv_nsec = (long)((timeout_ms - (double)timeout.tv_sec * 1000) * 1e6);
  }
  int outcome = futex_wait(word, value, is_endless ? NULL : &timeout);
  if (outcome == 0 || outcome == EAGAIN || outcome == EINTR || outcome == ETIMEDOUT) return NULL;
  return throw_errno(env, outcome, "sleep", "on a word of a segment");
}

napi_value js_futex_wake(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3];
  int32_t wanted;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_int32(env, args[2], &wanted));
  const struct segment *segment = segment_of(env, args[0]);
  if (segment == NULL) return NULL;
  const char *word = word_of(env, segment, args[1]);
  if (word == NULL) return NULL;

  int woken = futex_wake(word, wanted);
  if (woken < 0) return throw_errno(env, errno, "wake", "those that sleep on a word of a segment");
  napi_value result;
  CHECK(env, napi_create_int32(env, woken, &result));
  return result;
}
