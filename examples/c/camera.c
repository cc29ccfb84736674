/* A camera's frame: NV12, one plane of luma and one of chroma, each with a stride of its own. The frame comes from a
 * file here, as `ffmpeg -i VIDEO -frames:v 1 -f rawvideo -pix_fmt nv12 FILE` writes it. */
#include "common.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s FILE WIDTH HEIGHT\n", argv[0]);
    return 2;
  }
  size_t size = 0;
  uint8_t* frame = read_file(argv[1], &size);
  mien_pixels pixels = {0};
  pixels.struct_size = sizeof pixels;
  pixels.width = atoi(argv[2]);
  pixels.height = atoi(argv[3]);
  if (size != (size_t)pixels.width * (size_t)pixels.height * 3 / 2) {
    fprintf(stderr, "%s is not a frame of %d x %d pixels\n", argv[1], (int)pixels.width, (int)pixels.height);
    return 1;
  }
  pixels.format = MIEN_PIXELS_NV12;
  pixels.colours = MIEN_YUV_BT601_LIMITED;
  pixels.data = frame;
  pixels.stride = pixels.width;
  pixels.chroma = frame + (size_t)pixels.width * (size_t)pixels.height;
  pixels.chroma_stride = pixels.width;

  mien_engine_options options;
  mien_engine_options_init(&options, sizeof options);
  options.load_embedder = 0;
  mien_engine* engine = NULL;
  mien_analysis* analysis = NULL;
  mien_error* error = NULL;
  check(mien_engine_create(&options, &engine, &error), error);
  check(mien_analyze_pixels(engine, &pixels, NULL, NULL, &analysis, &error), error);
  printf("%zu faces\n", mien_analysis_face_count(analysis));
  mien_analysis_free(analysis);
  mien_engine_free(engine);
  free(frame);
  return 0;
}
