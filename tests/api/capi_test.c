/* The C interface from C99. Arguments: the folder of sample photos, a folder to write to. */
#define _POSIX_C_SOURCE 200112L /* setenv */

#include <mien/mien.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                             \
    }                                                                         \
  } while (0)

typedef struct file {
  uint8_t* bytes;
  size_t size;
} file;

static file read_photo(const char* folder, const char* name) {
  char path[4096];
  file result = {NULL, 0};
  FILE* stream;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  stream = fopen(path, "rb");
  if (stream == NULL) {
    fprintf(stderr, "%s is missing\n", path);
    exit(2);
  }
  fseek(stream, 0, SEEK_END);
  result.size = (size_t)ftell(stream);
  rewind(stream);
  result.bytes = malloc(result.size);
  if (fread(result.bytes, 1, result.size, stream) != result.size) exit(2);
  fclose(stream);
  return result;
}

/* The status that a call gave, whose error must say something, and is freed. */
static mien_status fails(mien_status status, mien_error** given) {
  mien_error* const error = *given;
  CHECK(status != MIEN_OK);
  CHECK(mien_error_code(error) == status);
  CHECK(strlen(mien_error_message(error)) > 10);
  mien_error_free(error);
  return status;
}

static void test_nulls(void) {
  mien_error* error = NULL;
  mien_engine* engine = NULL;
  mien_analysis* analysis = NULL;
  mien_buffer* buffer = NULL;
  mien_face face = {.struct_size = sizeof face};
  mien_quality quality = {.struct_size = sizeof quality};
  mien_pixels pixels = {.struct_size = sizeof pixels};
  mien_box box = {0, 0, 1, 1};
  float number = 0;
  char hash[17];

  mien_error_free(NULL);
  mien_stop_free(NULL);
  mien_engine_free(NULL);
  mien_workspace_free(NULL);
  mien_analysis_free(NULL);
  mien_buffer_free(NULL);
  mien_stop_request(NULL);
  mien_engine_options_init(NULL, 0);
  mien_analyze_options_init(NULL, 0);
  mien_scan_options_init(NULL, 0);
  CHECK(mien_error_code(NULL) == MIEN_OK);
  CHECK(strcmp(mien_error_message(NULL), "") == 0);
  CHECK(mien_stop_requested(NULL) == 0);
  CHECK(mien_engine_dimension(NULL) == 0);
  CHECK(strcmp(mien_engine_runtime(NULL), "") == 0);
  CHECK(strcmp(mien_engine_detector(NULL), "") == 0);
  CHECK(strcmp(mien_engine_embedder(NULL), "") == 0);
  CHECK(mien_engine_threshold_verify(NULL, &number) == 0);
  CHECK(mien_engine_threshold_search(NULL, &number) == 0);
  CHECK(strcmp(mien_analysis_format(NULL), "") == 0);
  CHECK(mien_analysis_width(NULL) == 0 && mien_analysis_height(NULL) == 0);
  CHECK(mien_analysis_face_count(NULL) == 0 && mien_analysis_warning_count(NULL) == 0);
  CHECK(mien_analysis_placement_count(NULL) == 0);
  CHECK(mien_analysis_warning(NULL, 0) == NULL);
  CHECK(mien_analysis_face(NULL, 0, &face) == 0);
  CHECK(mien_analysis_quality(NULL, &quality) == 0);
  CHECK(mien_analysis_face_quality(NULL, 0, &quality) == 0);
  CHECK(mien_analysis_placement(NULL, 0, NULL) == 0);
  CHECK(mien_analysis_timings(NULL, NULL) == 0);
  CHECK(mien_buffer_data(NULL) == NULL && mien_buffer_size(NULL) == 0);

  CHECK(fails(mien_engine_create(NULL, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_analyze(NULL, (const uint8_t*)"x", 1, NULL, NULL, &analysis, &error), &error) ==
        MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_analyze_pixels(NULL, &pixels, NULL, NULL, &analysis, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_analyze_batch(NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, &error), &error) ==
        MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_compare_faces(NULL, 0, NULL, 0, &number, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_assess_quality(NULL, 0, &quality, NULL, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_assess_pixels(NULL, NULL, &quality, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_assess_pixels(&pixels, &box, &quality, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_enhance(NULL, 0, &buffer, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_crop(NULL, 0, box, 0, &buffer, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_thumbnail(NULL, 0, 1, 1, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_phash(NULL, 0, hash, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_phash(NULL, 0, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(fails(mien_scan(NULL, NULL, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  /* Nobody has to take the error. */
  CHECK(mien_analyze(NULL, NULL, 0, NULL, NULL, &analysis, NULL) == MIEN_INVALID_ARGUMENT);
  CHECK(engine == NULL && analysis == NULL && buffer == NULL);
}

static void test_names(void) {
  CHECK(strcmp(mien_version(), MIEN_HEADER_VERSION) == 0);
  CHECK(strcmp(mien_status_name(MIEN_OK), "ok") == 0);
  CHECK(strcmp(mien_status_name(MIEN_LIMIT_EXCEEDED), "limit_exceeded") == 0);
  CHECK(strcmp(mien_status_name(77), "unknown") == 0);
}

/* A program that was compiled with another version of the header knows a part of a struct, or more than it. */
static void test_growth(void) {
  struct {
    mien_engine_options known;
    int64_t added;
  } newer;
  mien_engine_options older;
  mien_engine* engine = NULL;
  mien_error* error = NULL;

  mien_engine_options_init(&newer.known, sizeof newer);
  CHECK(newer.added == 0 && newer.known.load_embedder == 1);
  newer.known.detector = "no such detector";
  CHECK(fails(mien_engine_create(&newer.known, &engine, &error), &error) == MIEN_NOT_FOUND);
  newer.added = 5;
  CHECK(fails(mien_engine_create(&newer.known, &engine, &error), &error) == MIEN_INVALID_ARGUMENT);

  memset(&older, 0xFF, sizeof older);
  mien_engine_options_init(&older, offsetof(mien_engine_options, precision));
  older.embedder = "no such embedder";
  CHECK(fails(mien_engine_create(&older, &engine, &error), &error) == MIEN_NOT_FOUND);
  older.struct_size = 0;
  CHECK(fails(mien_engine_create(&older, &engine, &error), &error) == MIEN_INVALID_ARGUMENT);
}

static void test_settings(void) {
  mien_engine_options options;
  mien_setting setting = {"FACE_DETECTION_GPU", "perhaps"};
  mien_engine* engine = NULL;
  mien_error* error = NULL;
  mien_engine_options_init(&options, sizeof options);
  options.settings = &setting;
  options.settings_count = 1;
  CHECK(fails(mien_engine_create(&options, &engine, &error), &error) == MIEN_INVALID_ARGUMENT);
  setting.value = "require";
  CHECK(fails(mien_engine_create(&options, &engine, &error), &error) == MIEN_UNAVAILABLE);
  setting.name = NULL;
  CHECK(fails(mien_engine_create(&options, &engine, &error), &error) == MIEN_INVALID_ARGUMENT);
  mien_engine_options_init(&options, sizeof options);
  options.detector = "no\nsuch detector";
  CHECK(mien_engine_create(&options, &engine, &error) == MIEN_NOT_FOUND);
  CHECK(strchr(mien_error_message(error), '\n') == NULL && strstr(mien_error_message(error), "no?such") != NULL);
  mien_error_free(error);
  options.detector = NULL;
  options.precision = 9;
  CHECK(fails(mien_engine_create(&options, &engine, &error), &error) == MIEN_INVALID_ARGUMENT);
}

static void count_lines(void* context, mien_log_level level, const char* line) {
  CHECK(level >= MIEN_LOG_DEBUG && level <= MIEN_LOG_ERROR);
  CHECK(strchr(line, '\n') == NULL);
  ++*(int*)context;
}

static void test_analysis(const mien_engine* engine, file photo) {
  mien_analyze_options options;
  mien_analysis* analysis = NULL;
  mien_analysis* again = NULL;
  mien_error* error = NULL;
  mien_workspace* workspace = mien_workspace_create();
  mien_face face = {.struct_size = sizeof face};
  mien_quality quality = {.struct_size = sizeof quality};
  mien_placement placement = {.struct_size = sizeof placement};
  mien_timings timings = {.struct_size = sizeof timings};
  mien_verdict verdict = MIEN_DIFFERENT;
  float similarity = 0;
  struct {
    size_t struct_size;
    mien_box bbox;
    unsigned char behind;
  } short_face;

  mien_analyze_options_init(&options, sizeof options);
  options.phash = 1;
  options.image_quality = 1;
  CHECK(mien_analyze(engine, photo.bytes, photo.size, &options, workspace, &analysis, &error) == MIEN_OK);
  CHECK(error == NULL);
  CHECK(strcmp(mien_analysis_format(analysis), "png") == 0);
  CHECK(mien_analysis_width(analysis) == 512 && mien_analysis_height(analysis) == 512);
  CHECK(strlen(mien_analysis_phash(analysis)) == 16);
  CHECK(strlen(mien_analysis_taken(analysis)) == 0 || strlen(mien_analysis_taken(analysis)) >= 4);
  CHECK(strcmp(mien_analysis_detector(analysis), mien_engine_detector(engine)) == 0);
  CHECK(strcmp(mien_analysis_embedder(analysis), mien_engine_embedder(engine)) == 0);
  CHECK(mien_analysis_face_count(analysis) == 1);
  CHECK(mien_analysis_face(analysis, 0, &face) == 1);
  CHECK(face.bbox.x1 > 0 && face.bbox.x2 < 512 && face.det_score > 0.5F && face.has_landmarks == 1);
  CHECK(face.dimension == mien_engine_dimension(engine) && face.embedding != NULL && face.embedding[0] != 0);
  CHECK(face.landmarks[0].x < face.landmarks[1].x);
  CHECK(face.has_recognition_quality == 1 && face.recognition_quality > 0.5F && face.poor_reason == MIEN_NOT_POOR);
  CHECK(mien_analysis_face(analysis, 1, &face) == 0);
  CHECK(mien_analysis_face_quality(analysis, 0, &quality) == 1 && quality.overall_score > 0 && quality.has_pose == 1);
  CHECK(mien_analysis_quality(analysis, &quality) == 1 && quality.has_pose == 0);
  CHECK(mien_analysis_placement_count(analysis) == 3);
  CHECK(mien_analysis_placement(analysis, 0, &placement) == 1);
  CHECK(strcmp(placement.operation, "face_detection") == 0 && strcmp(placement.ran, "cpu") == 0);
  CHECK(placement.reason == NULL);
  CHECK(mien_analysis_timings(analysis, &timings) == 1 && timings.detect > 0 && timings.total >= timings.detect);
  CHECK(mien_analysis_warning_count(analysis) == 0 && mien_analysis_warning(analysis, 0) == NULL);

  /* A program that knows the box alone gets the box alone. */
  short_face.struct_size = offsetof(mien_face, landmarks);
  short_face.behind = 0x5A;
  CHECK(mien_analysis_face(analysis, 0, (mien_face*)&short_face) == 1);
  CHECK(short_face.bbox.x1 > 0 && short_face.behind == 0x5A);
  face.struct_size = 0;
  CHECK(mien_analysis_face(analysis, 0, &face) == 0);

  CHECK(mien_analyze(engine, photo.bytes, photo.size, NULL, NULL, &again, &error) == MIEN_OK);
  CHECK(mien_compare_faces(analysis, 0, again, 0, &similarity, &error) == MIEN_OK && similarity > 0.9999F);
  CHECK(fails(mien_compare_faces(analysis, 0, again, 1, &similarity, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(mien_judge_faces(analysis, 0, again, 0, 0.5F, &verdict, &similarity, &error) == MIEN_OK);
  CHECK(verdict == MIEN_SAME && strcmp(mien_verdict_name(verdict), "same") == 0 && similarity > 0.9999F);
  CHECK(mien_judge_faces(analysis, 0, again, 0, 2, &verdict, NULL, &error) == MIEN_OK && verdict == MIEN_DIFFERENT);
  CHECK(fails(mien_judge_faces(analysis, 0, again, 1, 0, &verdict, NULL, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(mien_verdict_name(4)[0] == 0 && mien_poor_reason_name(MIEN_NOT_POOR)[0] == 0);
  CHECK(strcmp(mien_poor_reason_name(MIEN_LOW_CONTRAST), "low_contrast") == 0);
  mien_analysis_free(again);
  CHECK(fails(mien_analyze(engine, (const uint8_t*)"no image", 8, NULL, NULL, &again, &error), &error) ==
        MIEN_BAD_DATA);
  CHECK(again == NULL);
  options.embed = 0;
  CHECK(mien_analyze(engine, photo.bytes, photo.size, &options, workspace, &again, &error) == MIEN_OK);
  CHECK(fails(mien_compare_faces(analysis, 0, again, 0, &similarity, &error), &error) == MIEN_INVALID_ARGUMENT);
  mien_analysis_free(again);
  mien_analysis_free(analysis);
  mien_workspace_free(workspace);
}

static void test_batch_and_pixels(const mien_engine* engine, file photo) {
  mien_bytes images[2];
  mien_analysis* analyses[2];
  mien_error* errors[2];
  mien_error* error = NULL;
  mien_pixels pixels = {.struct_size = sizeof pixels};
  mien_quality quality = {.struct_size = sizeof quality};
  uint8_t* gray = malloc(64 * 64);
  images[0].data = photo.bytes;
  images[0].size = photo.size;
  images[1].data = (const uint8_t*)"no image";
  images[1].size = 8;
  CHECK(mien_analyze_batch(engine, images, 2, NULL, NULL, NULL, NULL, analyses, errors, &error) == MIEN_OK);
  CHECK(mien_analysis_face_count(analyses[0]) == 1 && errors[0] == NULL);
  CHECK(analyses[1] == NULL && mien_error_code(errors[1]) == MIEN_BAD_DATA);
  mien_analysis_free(analyses[0]);
  mien_error_free(errors[1]);

  memset(gray, 77, 64 * 64);
  pixels.data = gray;
  pixels.width = 64;
  pixels.height = 64;
  pixels.format = MIEN_PIXELS_GRAY;
  CHECK(mien_analyze_pixels(engine, &pixels, NULL, NULL, analyses, &error) == MIEN_OK);
  CHECK(strcmp(mien_analysis_format(analyses[0]), "pixels") == 0 && mien_analysis_face_count(analyses[0]) == 0);
  mien_analysis_free(analyses[0]);
  CHECK(mien_assess_pixels(&pixels, NULL, &quality, &error) == MIEN_OK && quality.brightness == 77);
  pixels.stride = 63;
  CHECK(fails(mien_analyze_pixels(engine, &pixels, NULL, NULL, analyses, &error), &error) == MIEN_INVALID_ARGUMENT);
  pixels.stride = 0;
  pixels.format = -4;
  CHECK(fails(mien_analyze_pixels(engine, &pixels, NULL, NULL, analyses, &error), &error) == MIEN_INVALID_ARGUMENT);
  free(gray);
}

static void test_threshold(const mien_engine* engine, file photo) {
  mien_analyze_options options;
  mien_analysis* analysis = NULL;
  mien_error* error = NULL;
  mien_analyze_options_init(&options, sizeof options);
  CHECK(options.det_threshold < 0);
  options.det_threshold = 1;
  CHECK(mien_analyze(engine, photo.bytes, photo.size, &options, NULL, &analysis, &error) == MIEN_OK);
  CHECK(mien_analysis_face_count(analysis) == 0);
  mien_analysis_free(analysis);
  options.det_threshold = 1.5F;
  CHECK(fails(mien_analyze(engine, photo.bytes, photo.size, &options, NULL, &analysis, &error), &error) ==
        MIEN_INVALID_ARGUMENT);
}

static void test_stop(const mien_engine* engine, file photo) {
  mien_analyze_options options;
  mien_analysis* analysis = NULL;
  mien_error* error = NULL;
  mien_stop* stop = mien_stop_create();
  mien_analyze_options_init(&options, sizeof options);
  options.stop = stop;
  CHECK(mien_analyze(engine, photo.bytes, photo.size, &options, NULL, &analysis, &error) == MIEN_OK);
  mien_analysis_free(analysis);
  mien_stop_request(stop);
  CHECK(mien_stop_requested(stop) == 1);
  CHECK(fails(mien_analyze(engine, photo.bytes, photo.size, &options, NULL, &analysis, &error), &error) ==
        MIEN_CANCELLED);
  CHECK(analysis == NULL);
  mien_stop_free(stop);
}

static void test_operations(file photo) {
  mien_error* error = NULL;
  mien_buffer* buffer = NULL;
  mien_quality quality = {.struct_size = sizeof quality};
  mien_box box = {100, 100, 200, 200};
  mien_box outside = {900, 900, 950, 950};
  char hash[17] = "";
  int32_t width = 0;
  int32_t height = 0;
  double scale = 0;
  CHECK(mien_assess_quality(photo.bytes, photo.size, &quality, &width, &height, &error) == MIEN_OK);
  CHECK(width == 512 && height == 512 && quality.sharpness > 0);
  CHECK(mien_thumbnail(photo.bytes, photo.size, 32, 32, &buffer, &error) == MIEN_OK);
  CHECK(mien_buffer_size(buffer) > 100 && mien_buffer_data(buffer)[0] == 0xFF);
  mien_buffer_free(buffer);
  CHECK(mien_crop(photo.bytes, photo.size, box, 0.2, &buffer, &error) == MIEN_OK);
  CHECK(mien_buffer_size(buffer) > 100);
  mien_buffer_free(buffer);
  CHECK(fails(mien_crop(photo.bytes, photo.size, outside, 0, &buffer, &error), &error) == MIEN_INVALID_ARGUMENT);
  CHECK(mien_enhance(photo.bytes, photo.size, &buffer, &scale, &error) == MIEN_OK && scale == 1.0);
  CHECK(mien_buffer_size(buffer) == photo.size); /* large enough as it is */
  mien_buffer_free(buffer);
  CHECK(mien_phash(photo.bytes, photo.size, hash, &error) == MIEN_OK && strlen(hash) == 16);
  CHECK(fails(mien_thumbnail(photo.bytes, photo.size, 0, 5, &buffer, &error), &error) == MIEN_INVALID_ARGUMENT);
}

typedef struct seen {
  int records;
  int progress;
  mien_stop* stop_after_first;
} seen;

static void on_record(void* context, const char* json_line, size_t length) {
  seen* what = context;
  CHECK(strlen(json_line) == length && json_line[0] == '{');
  ++what->records;
  if (what->stop_after_first != NULL) mien_stop_request(what->stop_after_first);
}

/* Whoever asks for a sandbox that cannot be had gets an error, and never a decoder in this process. */
static void test_sandbox(file photo) {
  mien_error* error = NULL;
  mien_buffer* buffer = NULL;
  mien_quality quality = {.struct_size = sizeof quality};
  const mien_box box = {200, 60, 280, 180};
  char hash[17];
  setenv("MIEN_SANDBOX", "true", 1);
  setenv("MIEN_DECODER", "/nonexistent/mien-decoder", 1);
  CHECK(fails(mien_assess_quality(photo.bytes, photo.size, &quality, NULL, NULL, &error), &error) == MIEN_UNSUPPORTED);
  CHECK(fails(mien_enhance(photo.bytes, photo.size, &buffer, NULL, &error), &error) == MIEN_UNSUPPORTED);
  CHECK(fails(mien_crop(photo.bytes, photo.size, box, 0.2, &buffer, &error), &error) == MIEN_UNSUPPORTED);
  CHECK(fails(mien_thumbnail(photo.bytes, photo.size, 9, 9, &buffer, &error), &error) == MIEN_UNSUPPORTED);
  CHECK(fails(mien_phash(photo.bytes, photo.size, hash, &error), &error) == MIEN_UNSUPPORTED);
  CHECK(buffer == NULL);
  unsetenv("MIEN_SANDBOX");
  unsetenv("MIEN_DECODER");
  CHECK(mien_phash(photo.bytes, photo.size, hash, &error) == MIEN_OK);
}

static void on_progress(void* context, const mien_scan_progress* progress) {
  CHECK(progress->struct_size == sizeof *progress);
  ++((seen*)context)->progress;
}

static void test_scan(const mien_engine* engine, const char* photos, const char* scratch) {
  mien_scan_options options;
  mien_scan_summary summary = {.struct_size = sizeof summary};
  mien_error* error = NULL;
  seen what = {0, 0, NULL};
  char out[4096];
  snprintf(out, sizeof out, "%s/capi.jsonl", scratch);
  mien_scan_options_init(&options, sizeof options);
  options.sources = &photos;
  options.sources_count = 1;
  options.out_path = out;
  options.force = 1;
  options.on_record = on_record;
  options.on_progress = on_progress;
  options.context = &what;
  CHECK(mien_scan(engine, &options, &summary, &error) == MIEN_OK);
  CHECK(what.records == 10 && what.progress > 0);
  CHECK(summary.images == 10 && summary.faces > 30 && summary.failed == 0 && summary.interrupted == 0);

  what.records = 0;
  what.stop_after_first = mien_stop_create();
  options.stop = what.stop_after_first;
  options.threads = 1;
  CHECK(mien_scan(engine, &options, &summary, &error) == MIEN_OK);
  CHECK(summary.interrupted == 1 && summary.images < 10 && summary.failed == 0);
  CHECK(what.records == (int)summary.images);
  mien_stop_free(what.stop_after_first);

  what.stop_after_first = NULL;
  options.stop = NULL;
  options.force = 0;
  options.resume = 1;
  CHECK(mien_scan(engine, &options, &summary, &error) == MIEN_OK);
  CHECK(summary.images == 10 && summary.resumed > 0 && summary.interrupted == 0);
  options.prune = MIEN_PRUNE_GONE;
  CHECK(mien_scan(engine, &options, &summary, &error) == MIEN_OK);
  CHECK(summary.images == 10 && summary.gone == 0 && summary.changed == 0 && summary.pruned == 0);
  options.prune = 3;
  CHECK(fails(mien_scan(engine, &options, &summary, &error), &error) == MIEN_INVALID_ARGUMENT);
  options.prune = MIEN_PRUNE_NONE;
  options.resume = 0;
  CHECK(fails(mien_scan(engine, &options, &summary, &error), &error) != MIEN_OK); /* the output exists */
}

int main(int argc, char** argv) {
  int lines = 0;
  mien_engine* engine = NULL;
  mien_error* error = NULL;
  file photo;
  if (argc != 3) return 2;
  photo = read_photo(argv[1], "astronaut.png");
  test_nulls();
  test_names();
  test_growth();
  test_settings();
  mien_set_log_sink(count_lines, &lines, MIEN_LOG_DEBUG);
  CHECK(mien_engine_create(NULL, &engine, &error) == MIEN_OK);
  CHECK(strncmp(mien_engine_runtime(engine), "onnxruntime 1.", 14) == 0);
  if (engine != NULL) {
    test_analysis(engine, photo);
    test_batch_and_pixels(engine, photo);
    test_threshold(engine, photo);
    test_stop(engine, photo);
    test_operations(photo);
    test_sandbox(photo);
    test_scan(engine, argv[1], argv[2]);
  }
  mien_set_log_sink(NULL, NULL, MIEN_LOG_INFO);
  mien_engine_free(engine);
  free(photo.bytes);
  if (failures == 0) printf("the C interface does what it says\n");
  return failures == 0 ? 0 : 1;
}
