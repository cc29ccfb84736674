/* Loaded before the C library: makes storage slow, broken or silent, by the names of files.
   TEST_OPEN_MS: each open of a .jpg takes so long. "eio" in the name: reading fails. "hang": reading never ends.
   A folder with "locked" in its name cannot be listed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms) {
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0) {
  }
}

static int delayed_open(const char* symbol, const char* path, int flags, mode_t mode) {
  int (*real)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, symbol);
  const char* ms = getenv("TEST_OPEN_MS");
  if (ms && strstr(path, ".jpg")) sleep_ms(atol(ms));
  return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) { return flags & O_CREAT ? va_arg(arguments, mode_t) : 0; }

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return delayed_open("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return delayed_open("open64", path, flags, mode);
}

ssize_t read(int file, void* buffer, size_t size) {
  ssize_t (*real)(int, void*, size_t) = (ssize_t(*)(int, void*, size_t))dlsym(RTLD_NEXT, "read");
  char link[64];
  char path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length > 0) {
    path[length] = 0;
    const char* slash = strrchr(path, '/');
    if (slash && strstr(slash, "eio.jpg")) {
      errno = EIO;
      return -1;
    }
    if (slash && strstr(slash, "hang.jpg")) sleep_ms(1000000);
  }
  return real(file, buffer, size);
}

DIR* opendir(const char* path) {
  DIR* (*real)(const char*) = (DIR * (*)(const char*)) dlsym(RTLD_NEXT, "opendir");
  if (strstr(path, "locked")) {
    errno = EACCES;
    return NULL;
  }
  return real(path);
}
