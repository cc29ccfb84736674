/* A disk that is none, for LD_PRELOAD: ODD_DISK=nfs says that files lie on a network file system, nolocks also that
   nothing can be locked there, full that nothing more can be written than ODD_DISK_BYTES. ODD_DISK_USED names a file
   for how much was. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

static int is_kind(const char* kind) {
  const char* set = getenv("ODD_DISK");
  return set != NULL && strcmp(set, kind) == 0;
}

int statfs(const char* path, struct statfs* status) {
  int (*real)(const char*, struct statfs*) = (int (*)(const char*, struct statfs*))dlsym(RTLD_NEXT, "statfs");
  int result = real(path, status);
  if (result == 0 && (is_kind("nfs") || is_kind("nolocks"))) status->f_type = 0x6969;
  return result;
}

static int control(const char* name, int file, int command, void* argument) {
  int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
  if (is_kind("nolocks") && (command == F_SETLK || command == F_SETLKW)) {
    errno = ENOLCK;
    return -1;
  }
  return real(file, command, argument);
}

int fcntl(int file, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return control("fcntl", file, command, argument);
}

int fcntl64(int file, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return control("fcntl64", file, command, argument);
}

static long used = 0;

static int is_full(size_t bytes) {
  if (!is_kind("full")) return 0;
  if (used + (long)bytes > atol(getenv("ODD_DISK_BYTES"))) return 1;
  used += (long)bytes;
  return 0;
}

__attribute__((destructor)) static void tell_used(void) {
  const char* path = getenv("ODD_DISK_USED");
  FILE* file = path != NULL ? fopen(path, "w") : NULL;
  if (file == NULL) return;
  fprintf(file, "%ld", used);
  fclose(file);
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t offset) {
  ssize_t (*real)(int, const void*, size_t, off64_t) =
      (ssize_t(*)(int, const void*, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  if (is_full(count)) {
    errno = ENOSPC;
    return -1;
  }
  return real(file, bytes, count, offset);
}

ssize_t write(int file, const void* bytes, size_t count) {
  ssize_t (*real)(int, const void*, size_t) = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  if (file > STDERR_FILENO && is_full(count)) {
    errno = ENOSPC;
    return -1;
  }
  return real(file, bytes, count);
}
