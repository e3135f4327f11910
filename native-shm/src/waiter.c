#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "native.h"

// Waiting for a word without blocking the event loop: a thread sleeps on the futex and calls back. Threads are made when
// they are first needed and kept, because making one costs more than waking one.
//
//   IDLE -> ARMED     the event loop asks: word and value are set
//   ARMED -> FIRED    the thread saw the word change, and has called
//   FIRED -> IDLE     the event loop got the call
#define WAITER_COUNT 4


// A thread looks this often whether it should end, should its wake-up not reach it: the memory may have been taken away.
static const struct timespec SLICE = {0, 500000000};
static const struct timespec KICK_INTERVAL = {0, 200000};
#define STACK_BYTES (256 * 1024)

enum state { IDLE, ARMED, FIRED };

struct waiter {
  struct waiters *all;
  pthread_t thread;
  pthread_cond_t changed;
  bool is_started;
  bool has_ended;
  enum state state;
  const char *word;
  int32_t value;
};

struct waiters {
  napi_env env;
  napi_ref object; // the segment's: it stays until it is closed
  napi_threadsafe_function call;
  struct segment *segment;
  pthread_mutex_t mutex; // guards what is below
  bool is_stopping;
  struct waiter waiters[WAITER_COUNT];
};

static void *run(void *data) {
  struct waiter *waiter = data;
  struct waiters *all = waiter->all;
  pthread_mutex_lock(&all->mutex);
  while (!all->is_stopping) {
    if (waiter->state != ARMED) {
      pthread_cond_wait(&waiter->changed, &all->mutex);
      continue;
    }
    const char *word = waiter->word;
    int32_t value = waiter->value;
    pthread_mutex_unlock(&all->mutex);
    int outcome = futex_wait(word, value, &SLICE);
    pthread_mutex_lock(&all->mutex);
    if (outcome == ETIMEDOUT || all->is_stopping) continue;
    waiter->state = FIRED; // also where it failed: who waits looks again, and finds out
    pthread_mutex_unlock(&all->mutex);
    napi_call_threadsafe_function(all->call, waiter, napi_tsfn_nonblocking); // has no bound: it cannot be full
    pthread_mutex_lock(&all->mutex);
  }
  waiter->has_ended = true;
  pthread_mutex_unlock(&all->mutex);
  return NULL;
}

// On the event loop: hands the number of the waiter to JavaScript.
static void fired(napi_env env, napi_value callback, void *context, void *data) {
  struct waiters *all = context;
  struct waiter *waiter = data;
  if (env == NULL) return; // it was closed meanwhile
  pthread_mutex_lock(&all->mutex);
  waiter->state = IDLE;
  pthread_mutex_unlock(&all->mutex);
  napi_value receiver, slot;
  if (napi_get_undefined(env, &receiver) == napi_ok &&
      napi_create_int32(env, (int32_t)(waiter - all->waiters), &slot) == napi_ok) {
    napi_call_function(env, receiver, callback, 1, &slot, NULL); // what it throws is an uncaught exception
  }
}

// The last call is through.
static void freed(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  struct waiters *all = data;
  for (size_t i = 0; i < WAITER_COUNT; i++) pthread_cond_destroy(&all->waiters[i].changed);
  pthread_mutex_destroy(&all->mutex);
  free(all);
}

static bool has_ended(struct waiter *waiter) {
  pthread_mutex_lock(&waiter->all->mutex);
  bool ended = waiter->has_ended;
  pthread_mutex_unlock(&waiter->all->mutex);
  return ended;
}

// Ends all threads and lets go of everything. A thread may be about to sleep when it is woken: so until it has ended.
static void end(struct waiters *all) {
  all->segment->waiters = NULL;
  pthread_mutex_lock(&all->mutex);
  all->is_stopping = true;
  for (size_t i = 0; i < WAITER_COUNT; i++) pthread_cond_signal(&all->waiters[i].changed);
  pthread_mutex_unlock(&all->mutex);
  for (size_t i = 0; i < WAITER_COUNT; i++) {
    struct waiter *waiter = &all->waiters[i];
    if (!waiter->is_started) continue;
    while (!has_ended(waiter)) {
      if (waiter->word != NULL) futex_wake(waiter->word, INT32_MAX); // others on the word look again
      nanosleep(&KICK_INTERVAL, NULL);
    }
    pthread_join(waiter->thread, NULL);
  }
  napi_delete_reference(all->env, all->object);
  napi_release_threadsafe_function(all->call, napi_tsfn_abort); // `freed` follows
}

// The thread's environment ends. Runs before the thread-safe function's own hook, which was added earlier.
static void env_ends(void *data) {
  end(data);
}

void stop_waiters(struct segment *segment) {
  struct waiters *all = segment->waiters;
  if (all == NULL) return;
  napi_remove_env_cleanup_hook(all->env, env_ends, all);
  end(all);
}

// NULL with an exception pending where the system or Node-API refuses.
static struct waiters *make_waiters(napi_env env, struct segment *segment, napi_value object, napi_value callback) {
  napi_value name;
  struct waiters *all = calloc(1, sizeof *all);
  if (all == NULL) {
    throw_errno(env, ENOMEM, "wait", "on a segment");
    return NULL;
  }
  all->env = env;
  all->segment = segment;
  pthread_mutex_init(&all->mutex, NULL); // with default attributes neither can fail on Linux
  for (size_t i = 0; i < WAITER_COUNT; i++) {
    all->waiters[i].all = all;
    pthread_cond_init(&all->waiters[i].changed, NULL);
  }
  if (napi_create_string_utf8(env, "alphapulse-native-shm", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, object, 1, &all->object) != napi_ok) {
    freed(env, all, NULL);
    throw_status(env);
    return NULL;
  }
  if (napi_create_threadsafe_function(env, callback, NULL, name, 0, 1, all, freed, all, fired, &all->call) != napi_ok) {
    throw_status(env);
    napi_delete_reference(env, all->object);
    freed(env, all, NULL);
    return NULL;
  }
  segment->waiters = all;
  if (napi_unref_threadsafe_function(env, all->call) != napi_ok || // waiting keeps no process alive
      napi_add_env_cleanup_hook(env, env_ends, all) != napi_ok) {
    throw_status(env);
    end(all);
    return NULL;
  }
  return all;
}

// 0 or the errno. The thread takes no signals: they are the process's.
static int start_thread(struct waiter *waiter) {
  sigset_t every, before;
  pthread_attr_t attributes;
  int failed = pthread_attr_init(&attributes);
  if (failed != 0) return failed;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &before);
  failed = pthread_create(&waiter->thread, &attributes, run, waiter);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  waiter->is_started = failed == 0;
  return failed;
}

// The number of an idle waiter, which waits from now on; or the errno, negative: EBUSY where all are at work.
static int armed(struct waiters *all, const char *word, int32_t value) {
  for (int slot = 0; slot < WAITER_COUNT; slot++) {
    struct waiter *waiter = &all->waiters[slot];
    pthread_mutex_lock(&all->mutex);
    bool is_free = waiter->state == IDLE;
    if (is_free) {
      waiter->word = word;
      waiter->value = value;
      waiter->state = ARMED;
      pthread_cond_signal(&waiter->changed);
    }
    pthread_mutex_unlock(&all->mutex);
    if (!is_free) continue;
    int failed = waiter->is_started ? 0 : start_thread(waiter);
    if (failed == 0) return slot;
    waiter->state = IDLE;
    return -failed;
  }
  return -EBUSY;
}

napi_value js_start_waiting(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4], result;
  int32_t value;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_int32(env, args[2], &value));
  struct segment *segment = segment_of(env, args[0]);
  if (segment == NULL) return NULL;
  const char *word = word_of(env, segment, args[1]);
  if (word == NULL) return NULL;

  struct waiters *all = segment->waiters;
  if (all == NULL) all = make_waiters(env, segment, args[0], args[3]);
  if (all == NULL) return NULL;
  int slot = armed(all, word, value);
  if (slot < 0) return throw_errno(env, -slot, "wait", "on a segment");
  CHECK(env, napi_create_int32(env, slot, &result));
  return result;
}
