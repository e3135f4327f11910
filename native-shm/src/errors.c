#include "native.h"

#include <errno.h>
#include <stdio.h>

static const struct {
  int number;
  const char *name;
  const char *text;
} SYSTEM_ERRORS[] = {
    {EACCES, "EACCES", "permission denied"},
    {EAGAIN, "EAGAIN", "the system has no room for it now"},
    {EBADF, "EBADF", "it is not open"},
    {EBUSY, "EBUSY", "as many as can be are at work"},
    {ECONNRESET, "ECONNRESET", "the other end is gone"},
    {EEXIST, "EEXIST", "it exists"},
    {EFAULT, "EFAULT", "the memory is not mapped"},
    {EFBIG, "EFBIG", "it is too large"},
    {EINVAL, "EINVAL", "not what the system takes"},
    {EISDIR, "EISDIR", "it is a directory"},
    {ELOOP, "ELOOP", "it is a symbolic link"},
    {EMFILE, "EMFILE", "this process has too many files open"},
    {ENAMETOOLONG, "ENAMETOOLONG", "the name is too long"},
    {ENFILE, "ENFILE", "the system has too many files open"},
    {ENODEV, "ENODEV", "this file system cannot map files"},
    {ENOENT, "ENOENT", "there is no such file or directory"},
    {ENOLCK, "ENOLCK", "the system has no locks left"},
    {ENOMEM, "ENOMEM", "out of memory"},
    {ENOSPC, "ENOSPC", "no space left"},
    {ENOTCONN, "ENOTCONN", "the socket is not connected"},
    {ENOTDIR, "ENOTDIR", "a part of its path is no directory"},
    {ENXIO, "ENXIO", "it is no regular file"},
    {EOPNOTSUPP, "EOPNOTSUPP", "this file system cannot do it"},
    {EPERM, "EPERM", "not permitted"},
    {EPIPE, "EPIPE", "nobody reads the other end"},
    {EROFS, "EROFS", "the file system is read-only"},
};

napi_value throw_errno(napi_env env, int number, const char *what, const char *subject) {
  char unknown[24];
  snprintf(unknown, sizeof unknown, "E%d", number);
  const char *name = unknown;
  const char *reason = "the system refuses";
  for (size_t i = 0; i < sizeof SYSTEM_ERRORS / sizeof SYSTEM_ERRORS[0]; i++) {
    if (SYSTEM_ERRORS[i].number != number) continue;
    name = SYSTEM_ERRORS[i].name;
    reason = SYSTEM_ERRORS[i].text;
  }
  char text[1024];
  snprintf(text, sizeof text, "%s %s: %s (%s)", what, subject, reason, name);
  napi_throw_error(env, name, text);
  return NULL;
}

napi_value throw_argument(napi_env env, const char *text) {
  napi_throw_type_error(env, "EINVAL", text);
  return NULL;
}

napi_value throw_status(napi_env env) {
  const napi_extended_error_info *info = NULL;
  bool is_pending = false;
  napi_get_last_error_info(env, &info); // first: every other call overwrites it
  const char *text = info != NULL && info->error_message != NULL ? info->error_message : "a call of Node-API failed";
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending) napi_throw_type_error(env, "EINVAL", text);
  return NULL;
}
