// What the files of the addon share. Plain C against Node-API 8; nothing here is global and changes, so that every
// thread that loads the addon has its own.
#ifndef NATIVE_SHM_H
#define NATIVE_SHM_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

_Static_assert(sizeof(void *) == 8, "the addon is for 64-bit systems");

struct waiters;

// A file in memory, mapped. The mapping belongs to its ArrayBuffer and ends with it; the file descriptor, and with it the
// locks, belong to the segment and end when it is closed.
struct segment {
  int fd; // -1 once it is closed
  char *base;
  size_t byte_length;
  struct waiters *waiters; // NULL until the first one is needed
};

// errors.c. All return NULL, so that a function of the addon can return what they return.

// Throws an Error whose `code` is the name of the errno, and whose text is "<what> <subject>: <reason>".
napi_value throw_errno(napi_env env, int number, const char *what, const char *subject);
// Throws a TypeError with code EINVAL.
napi_value throw_argument(napi_env env, const char *text);
// Throws what Node-API says of its last call, unless JavaScript has thrown already.
napi_value throw_status(napi_env env);

// Returns from the function, with an exception pending, where a call of Node-API fails.
#define CHECK(env, call)                           \
  do {                                             \
    if ((call) != napi_ok) return throw_status(env); \
  } while (0)

// futex.c

// Sleeps until somebody wakes the word (0), or tells by its errno why not: the word differs (EAGAIN), the time is over
// (ETIMEDOUT; there is no end where it is NULL), a signal came (EINTR), or something is wrong.
int futex_wait(const void *word, int32_t value, const struct timespec *timeout);
// Wakes at most so many; returns how many it were, or -1 and sets errno.
int futex_wake(const void *word, int32_t count);
napi_value js_futex_wait(napi_env env, napi_callback_info info);
napi_value js_futex_wake(napi_env env, napi_callback_info info);

// segment.c

// The segment of an argument. NULL with an exception pending where it is none, or was closed.
struct segment *segment_of(napi_env env, napi_value value);
// The word of an open segment at a byte offset. NULL with an exception pending where there is none.
char *word_of(napi_env env, const struct segment *segment, napi_value byte_offset);
napi_value js_create_segment(napi_env env, napi_callback_info info);
napi_value js_link_segment(napi_env env, napi_callback_info info);
napi_value js_open_segment(napi_env env, napi_callback_info info);
napi_value js_close_segment(napi_env env, napi_callback_info info);

// locks.c

napi_value js_lock_places(napi_env env, napi_callback_info info);
napi_value js_unlock_places(napi_env env, napi_callback_info info);
napi_value js_are_places_locked(napi_env env, napi_callback_info info);

// waiter.c

napi_value js_start_waiting(napi_env env, napi_callback_info info);
// Ends the threads of a segment and waits for them; without threads it does nothing.
void stop_waiters(struct segment *segment);

// placement.c

napi_value js_pin_thread(napi_env env, napi_callback_info info);
napi_value js_affinity(napi_env env, napi_callback_info info);
napi_value js_yield_core(napi_env env, napi_callback_info info);

#endif
