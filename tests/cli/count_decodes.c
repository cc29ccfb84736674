/* Loaded before libjpeg: counts the JPEG images that are decoded in full, and those that are decoded reduced, in the
   two numbers of the file that TEST_DECODES names. The file is opened before a decoder gives up its rights. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jpeglib.h>

static int* counters;

__attribute__((constructor)) static void open_counters(void) {
  const char* path = getenv("TEST_DECODES");
  const int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* start = mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (start != MAP_FAILED) counters = start;
  close(file);
}

boolean jpeg_start_decompress(j_decompress_ptr jpeg) {
  boolean (*real)(j_decompress_ptr) = (boolean(*)(j_decompress_ptr))dlsym(RTLD_NEXT, "jpeg_start_decompress");
  if (counters) __atomic_fetch_add(&counters[jpeg->scale_num == jpeg->scale_denom ? 0 : 1], 1, __ATOMIC_RELAXED);
  return real(jpeg);
}
