#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"

// Says that an object is a segment: 16 random bytes.
static const napi_type_tag SEGMENT_TAG = {0x8f0b7e5ad2c94a16, 0xb3516c0e9a7fd248};

struct segment *segment_of(napi_env env, napi_value value) {
  bool is_segment = false;
  void *found = NULL;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object || // others would throw, in other words
      napi_check_object_type_tag(env, value, &SEGMENT_TAG, &is_segment) != napi_ok || !is_segment ||
      napi_unwrap(env, value, &found) != napi_ok) {
    throw_argument(env, "the first argument is no segment");
    return NULL;
  }
  struct segment *segment = found;
  if (segment->fd >= 0) return segment;
  throw_errno(env, EBADF, "use", "a segment that was closed");
  return NULL;
}

char *word_of(napi_env env, const struct segment *segment, napi_value byte_offset) {
  int64_t offset;
  if (napi_get_value_int64(env, byte_offset, &offset) != napi_ok) {
    throw_status(env);
    return NULL;
  }
  if (offset >= 0 && offset % 4 == 0 && (uint64_t)offset + 4 <= segment->byte_length) return segment->base + offset;
  throw_argument(env, "there is no 32-bit word at this byte of the segment");
  return NULL;
}

// The locks and the descriptor go. Not the mapping: views of it may live on. It keeps the open file description alive, so
// the locks would stay with it.
static void release(struct segment *segment) {
  stop_waiters(segment);
  if (segment->fd < 0) return;
  struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET}; // to the end of all files
  fcntl(segment->fd, F_OFD_SETLK, &all); // may fail for want of memory: then they go with the mapping
  close(segment->fd); // Linux closes it, whatever it returns
  segment->fd = -1;
}

static void finalize_segment(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  release(data);
  free(data);
}

// No view of the memory is left: the only place where it is unmapped.
static void finalize_buffer(napi_env env, void *base, void *byte_length) {
  (void)env;
  munmap(base, (size_t)(uintptr_t)byte_length);
}

// An object { buffer, fd } over a mapping; its finalizers own the mapping and the segment from here on.
static napi_value object_of(napi_env env, struct segment *segment) {
  napi_value object, buffer, fd;
  void *byte_length = (void *)(uintptr_t)segment->byte_length;
  if (napi_create_external_arraybuffer(env, segment->base, segment->byte_length, finalize_buffer, byte_length,
                                       &buffer) != napi_ok) {
    munmap(segment->base, segment->byte_length);
    close(segment->fd);
    free(segment);
    return throw_status(env);
  }
  if (napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, segment, finalize_segment, NULL, NULL) != napi_ok) {
    close(segment->fd);
    free(segment);
    return throw_status(env);
  }
  CHECK(env, napi_type_tag_object(env, object, &SEGMENT_TAG));
  CHECK(env, napi_create_int32(env, segment->fd, &fd));
  const napi_property_descriptor properties[] = {
      {.utf8name = "buffer", .value = buffer, .attributes = napi_enumerable},
      {.utf8name = "fd", .value = fd, .attributes = napi_enumerable},
  };
  CHECK(env, napi_define_properties(env, object, 2, properties));
  return object;
}

// Maps all of an open file. Pages are made present at once, so that the first messages do not wait for them.
static napi_value mapped(napi_env env, int fd, size_t byte_length, const char *path) {
  struct segment *segment = malloc(sizeof *segment);
  void *base = MAP_FAILED;
  if (segment == NULL) errno = ENOMEM;
  else base = mmap(NULL, byte_length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (base == MAP_FAILED) {
    int failed = errno;
    close(fd);
    free(segment);
    return throw_errno(env, failed, "map", path);
  }
  *segment = (struct segment){.fd = fd, .base = base, .byte_length = byte_length, .waiters = NULL};
  return object_of(env, segment);
}

// 0, or the errno: 0600 whatever the umask, and every page there, so that a full device fails here and not by a signal later.
static int prepare(int fd, mode_t mode, off_t byte_length) {
  int failed;
  if (fchmod(fd, mode) < 0) return errno;
  do failed = posix_fallocate(fd, 0, byte_length);
  while (failed == EINTR);
  return failed;
}

napi_value js_create_segment(napi_env env, napi_callback_info info) {
  size_t count = 3, directory_bytes;
  napi_value args[3];
  char directory[PATH_MAX];
  int64_t byte_length;
  uint32_t mode;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_string_utf8(env, args[0], directory, sizeof directory, &directory_bytes));
  CHECK(env, napi_get_value_int64(env, args[1], &byte_length));
  CHECK(env, napi_get_value_uint32(env, args[2], &mode));
  if (directory_bytes == sizeof directory - 1) return throw_errno(env, ENAMETOOLONG, "make", "a segment");
  if (byte_length <= 0 || mode > 0777) return throw_argument(env, "a segment has at least one byte and a mode up to 0777");

  int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, mode); // has no name, and is gone with its last descriptor
  if (fd < 0) return throw_errno(env, errno, "make a segment in", directory);
  int failed = prepare(fd, mode, byte_length);
  if (failed == 0) return mapped(env, fd, (size_t)byte_length, directory);
  close(fd);
  return throw_errno(env, failed, "make a segment in", directory);
}

napi_value js_link_segment(napi_env env, napi_callback_info info) {
  size_t count = 2, path_bytes;
  napi_value args[2];
  char path[PATH_MAX], own[32];
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_string_utf8(env, args[1], path, sizeof path, &path_bytes));
  if (path_bytes == sizeof path - 1) return throw_errno(env, ENAMETOOLONG, "name", "a segment");
  const struct segment *segment = segment_of(env, args[0]);
  if (segment == NULL) return NULL;

  snprintf(own, sizeof own, "/proc/self/fd/%d", segment->fd);
  if (linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) return NULL;
  return throw_errno(env, errno, "name a segment", path);
}

napi_value js_open_segment(napi_env env, napi_callback_info info) {
  size_t count = 2, path_bytes;
  napi_value args[2];
  char path[PATH_MAX];
  int64_t byte_length_max;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  CHECK(env, napi_get_value_string_utf8(env, args[0], path, sizeof path, &path_bytes));
  CHECK(env, napi_get_value_int64(env, args[1], &byte_length_max));
  if (path_bytes == sizeof path - 1) return throw_errno(env, ENAMETOOLONG, "open", "a segment");

  int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK); // a FIFO would block
  if (fd < 0) return throw_errno(env, errno, "open", path);
  struct stat status;
  int failed = 0;
  if (fstat(fd, &status) < 0) failed = errno;
  else if (!S_ISREG(status.st_mode)) failed = ENXIO;
  else if (status.st_size == 0) failed = EINVAL;
  else if (status.st_size > byte_length_max) failed = EFBIG;
  if (failed == 0) return mapped(env, fd, (size_t)status.st_size, path);
  close(fd);
  return throw_errno(env, failed, "open", path);
}

napi_value js_close_segment(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1], buffer;
  bool is_detached;
  CHECK(env, napi_get_cb_info(env, info, &count, args, NULL, NULL));
  struct segment *segment = segment_of(env, args[0]);
  if (segment == NULL) return NULL;

  CHECK(env, napi_get_named_property(env, args[0], "buffer", &buffer));
  release(segment);
  CHECK(env, napi_is_detached_arraybuffer(env, buffer, &is_detached));
  if (!is_detached) CHECK(env, napi_detach_arraybuffer(env, buffer)); // every view of it is empty from now on
  return NULL;
}
