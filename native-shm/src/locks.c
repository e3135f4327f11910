#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>

#include "native.h"

// Who lives, by locks of the open file description: they end with the descriptor, however its process or thread ended,
// and two descriptors of one process are two owners. A place is a byte far beyond the end of any file.
#define LOCK_OFFSET (INT64_C(1) << 40)
#define PLACE_COUNT_MAX (1 << 20)

// The places first .. first + count - 1 of the segment in the first three arguments.
static const struct segment *places_of(napi_env env, const napi_value *args, struct flock *lock) {
  int32_t first, count;
  if (napi_get_value_int32(env, args[1], &first) != napi_ok || napi_get_value_int32(env, args[2], &count) != napi_ok) {
    throw_status(env);
    return NULL;
  }
  if (first < 0 || first >= PLACE_COUNT_MAX || count < 1 || count > PLACE_COUNT_MAX) {
    throw_argument(env, "places begin at 0 and are at least one");
    return NULL;
  }
  *lock = (struct flock){.l_whence = SEEK_SET, .l_start = LOCK_OFFSET + first, .l_len = count};
  return segment_of(env, args[0]);
}

napi_value js_lock_places(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4], result;
  bool is_shared;
  struct flock lock;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_bool(env, args[3], &is_shared));
  const struct segment *segment = places_of(env, args, &lock);
  if (segment == NULL) return NULL;

  lock.l_type = is_shared ? F_RDLCK : F_WRLCK;
  bool is_locked = fcntl(segment->fd, F_OFD_SETLK, &lock) == 0;
  if (!is_locked && errno != EAGAIN && errno != EACCES) return throw_errno(env, errno, "lock", "places of a segment");
  CHECK(env, napi_get_boolean(env, is_locked, &result));
  return result;
}

napi_value js_unlock_places(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3];
  struct flock lock;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  const struct segment *segment = places_of(env, args, &lock);
  if (segment == NULL) return NULL;

  lock.l_type = F_UNLCK;
  if (fcntl(segment->fd, F_OFD_SETLK, &lock) == 0) return NULL;
  return throw_errno(env, errno, "unlock", "places of a segment");
}

napi_value js_are_places_locked(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3], result;
  struct flock lock;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  const struct segment *segment = places_of(env, args, &lock);
  if (segment == NULL) return NULL;

  lock.l_type = F_WRLCK;
  if (fcntl(segment->fd, F_OFD_GETLK, &lock) < 0) return throw_errno(env, errno, "look at", "places of a segment");
  CHECK(env, napi_get_boolean(env, lock.l_type != F_UNLCK, &result));
  return result;
}
