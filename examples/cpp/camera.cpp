// A camera's frame: NV12, one plane of luma and one of chroma, each with a stride of its own. The frame comes from a
// file here, as `ffmpeg -i VIDEO -frames:v 1 -f rawvideo -pix_fmt nv12 FILE` writes it.
#include <mien/engine.h>
#include <mien/file.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s FILE WIDTH HEIGHT\n", argv[0]);
    return 2;
  }
  mien::EngineOptions options;
  options.load_embedder = false;
  options.settings = mien::load_settings();
  const std::vector<std::uint8_t> frame = mien::read_file(argv[1], options.limits.bytes_max).take();
  mien::PixelView pixels;
  pixels.width = std::atoi(argv[2]);
  pixels.height = std::atoi(argv[3]);
  const std::size_t luma_bytes = static_cast<std::size_t>(pixels.width) * static_cast<std::size_t>(pixels.height);
  if (frame.size() != luma_bytes * 3 / 2) {
    std::fprintf(stderr, "%s is not a frame of %d x %d pixels\n", argv[1], pixels.width, pixels.height);
    return 1;
  }
  pixels.format = mien::PixelFormat::nv12;
  pixels.colours = mien::YuvColours::bt601_limited;
  pixels.data = frame.data();
  pixels.stride = pixels.width;
  pixels.chroma = frame.data() + luma_bytes;
  pixels.chroma_stride = pixels.width;

  const mien::Engine engine(options);
  const mien::Analysis analysis = engine.analyze_pixels(pixels).take();
  std::printf("%zu faces\n", analysis.faces.size());
  return 0;
} catch (const mien::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return mien::error_exit_code(error.error().code);
}
