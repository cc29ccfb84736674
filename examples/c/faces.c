/* The faces of some photos: one line a face, with its box and score. */
#include "common.h"

int main(int argc, char** argv) {
  mien_engine_options options;
  mien_engine_options_init(&options, sizeof options);
  options.load_embedder = 0; /* nobody is recognised here */
  mien_engine* engine = NULL;
  mien_error* error = NULL;
  check(mien_engine_create(&options, &engine, &error), error);
  mien_workspace* workspace = mien_workspace_create();

  for (int i = 1; i < argc; ++i) {
    size_t size = 0;
    uint8_t* bytes = read_file(argv[i], &size);
    mien_analysis* analysis = NULL;
    check(mien_analyze(engine, bytes, size, NULL, workspace, &analysis, &error), error);
    for (size_t j = 0; j < mien_analysis_face_count(analysis); ++j) {
      mien_face face;
      face.struct_size = sizeof face;
      mien_analysis_face(analysis, j, &face);
      printf("%s %.9g %.9g %.9g %.9g %.9g\n", argv[i], face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2,
             face.det_score);
    }
    mien_analysis_free(analysis);
    free(bytes);
  }
  mien_workspace_free(workspace);
  mien_engine_free(engine);
  return 0;
}
