// The faces of some photos: one line a face, with its box and score.
#include <mien/engine.h>
#include <mien/file.h>

#include <cstdio>

int main(int argc, char** argv) try {
  mien::EngineOptions options;
  options.load_embedder = false;  // nobody is recognised here
  options.settings = mien::load_settings();
  const mien::Engine engine(options);
  mien::Workspace workspace;
  for (int i = 1; i < argc; ++i) {
    const std::vector<std::uint8_t> bytes = mien::read_file(argv[i], options.limits.bytes_max).take();
    const mien::Result<mien::Analysis> analysis = engine.analyze(bytes, {}, workspace);
    if (!analysis) {
      std::fprintf(stderr, "%s: %s\n", argv[i], analysis.error().message.c_str());
      continue;
    }
    for (const mien::Face& face : analysis->faces) {
      std::printf("%s %.9g %.9g %.9g %.9g %.9g\n", argv[i], face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2,
                  face.det_score);
    }
  }
  return 0;
} catch (const mien::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return mien::error_exit_code(error.error().code);
}
