/* The functions that the examples in C share. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <mien/mien.h>
#include <stdio.h>
#include <stdlib.h>

/* Says why and ends the program, unless all went well. */
static void check(mien_status status, mien_error* error) {
  if (status == MIEN_OK) return;
  fprintf(stderr, "%s: %s\n", mien_status_name(status), mien_error_message(error));
  mien_error_free(error);
  exit(1);
}

/* The whole file; the caller frees it. */
static uint8_t* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  long length = 0;
  uint8_t* bytes = NULL;
  if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0) {
    bytes = malloc((size_t)length);
  }
  if (bytes == NULL || fread(bytes, 1, (size_t)length, file) != (size_t)length) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  fclose(file);
  *size = (size_t)length;
  return bytes;
}

#endif
