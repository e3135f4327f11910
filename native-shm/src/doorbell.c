#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native.h"

// One byte into a socket or pipe, without waiting. Where there is no room, somebody is yet to read what rang before.
napi_value js_ring_doorbell(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1];
  int32_t fd;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_int32(env, args[0], &fd));

  ssize_t written;
  do {
    written = send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) written = write(fd, "", 1);
  } while (written < 0 && errno == EINTR);
  if (written >= 0 || errno == EAGAIN) return NULL;
  return throw_errno(env, errno, "ring", "the doorbell");
}
