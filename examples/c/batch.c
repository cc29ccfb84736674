/* Several photos in one call: their faces share runs of the embedder. */
#include "common.h"

static void show_progress(void* context, size_t done, size_t total) {
  (void)context;
  fprintf(stderr, "%zu of %zu\n", done, total);
}

int main(int argc, char** argv) {
  const size_t count = (size_t)(argc - 1);
  mien_engine* engine = NULL;
  mien_error* error = NULL;
  check(mien_engine_create(NULL, &engine, &error), error);
  mien_bytes* images = calloc(count + 1, sizeof *images);
  uint8_t** files = calloc(count + 1, sizeof *files);
  mien_analysis** analyses = calloc(count + 1, sizeof *analyses);
  mien_error** errors = calloc(count + 1, sizeof *errors);
  for (size_t i = 0; i < count; ++i) {
    files[i] = read_file(argv[i + 1], &images[i].size);
    images[i].data = files[i];
  }
  check(mien_analyze_batch(engine, images, count, NULL, NULL, show_progress, NULL, analyses, errors, &error), error);
  for (size_t i = 0; i < count; ++i) {
    if (analyses[i] != NULL) {
      printf("%s: %zu faces\n", argv[i + 1], mien_analysis_face_count(analyses[i]));
    } else {
      printf("%s: %s\n", argv[i + 1], mien_error_message(errors[i]));
    }
    mien_analysis_free(analyses[i]);
    mien_error_free(errors[i]);
    free(files[i]);
  }
  free(images);
  free(files);
  free(analyses);
  free(errors);
  mien_engine_free(engine);
  return 0;
}
