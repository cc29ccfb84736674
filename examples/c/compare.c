/* Whether the first faces of two photos are the same person. */
#include "common.h"

static mien_analysis* analyze(const mien_engine* engine, const char* path) {
  size_t size = 0;
  uint8_t* bytes = read_file(path, &size);
  mien_analysis* analysis = NULL;
  mien_error* error = NULL;
  check(mien_analyze(engine, bytes, size, NULL, NULL, &analysis, &error), error);
  free(bytes);
  return analysis;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s PHOTO PHOTO\n", argv[0]);
    return 2;
  }
  mien_engine* engine = NULL;
  mien_error* error = NULL;
  check(mien_engine_create(NULL, &engine, &error), error);
  mien_analysis* one = analyze(engine, argv[1]);
  mien_analysis* other = analyze(engine, argv[2]);
  static const char* const kTexts[] = {"the same person", "different people", "not comparable", "cannot tell"};
  mien_verdict verdict = MIEN_DIFFERENT;
  float similarity = 0;
  float threshold = 0;
  if (mien_engine_threshold_verify(engine, &threshold)) {
    check(mien_judge_faces(one, 0, other, 0, threshold, &verdict, &similarity, &error), error);
    printf("similarity %.3f, threshold %.3f: %s\n", similarity, threshold, kTexts[verdict]);
  } else {
    check(mien_compare_faces(one, 0, other, 0, &similarity, &error), error);
    printf("similarity %.3f; %s has no threshold\n", similarity, mien_engine_embedder(engine));
  }
  mien_analysis_free(one);
  mien_analysis_free(other);
  mien_engine_free(engine);
  return 0;
}
