/* Stopping an analysis from another thread after a while (20 ms, or the milliseconds given). */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <time.h>

#include "common.h"

static long delay_ms = 20;

static void* stop_later(void* stop) {
  const struct timespec delay = {delay_ms / 1000, delay_ms % 1000 * 1000000};
  nanosleep(&delay, NULL);
  mien_stop_request(stop);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s PHOTO [MILLISECONDS]\n", argv[0]);
    return 2;
  }
  if (argc > 2) delay_ms = atol(argv[2]);
  size_t size = 0;
  uint8_t* bytes = read_file(argv[1], &size);
  mien_engine* engine = NULL;
  mien_error* error = NULL;
  check(mien_engine_create(NULL, &engine, &error), error);

  mien_stop* stop = mien_stop_create();
  mien_analyze_options options;
  mien_analyze_options_init(&options, sizeof options);
  options.stop = stop;
  pthread_t thread;
  if (pthread_create(&thread, NULL, stop_later, stop) != 0) return 1;
  mien_analysis* analysis = NULL;
  const mien_status status = mien_analyze(engine, bytes, size, &options, NULL, &analysis, &error);
  pthread_join(thread, NULL);
  if (status == MIEN_OK) {
    printf("finished before: %zu faces\n", mien_analysis_face_count(analysis));
  } else {
    printf("%s: %s\n", mien_status_name(status), mien_error_message(error));
  }
  mien_error_free(error);
  mien_analysis_free(analysis);
  mien_stop_free(stop);
  mien_engine_free(engine);
  free(bytes);
  return status == MIEN_OK || status == MIEN_CANCELLED ? 0 : 1;
}
