// Several photos in one call: their faces share runs of the embedder.
#include <mien/engine.h>
#include <mien/file.h>

#include <cstdio>

int main(int argc, char** argv) try {
  mien::EngineOptions options;
  options.settings = mien::load_settings();
  const mien::Engine engine(options);
  std::vector<std::vector<std::uint8_t>> files;
  for (int i = 1; i < argc; ++i) files.push_back(mien::read_file(argv[i], options.limits.bytes_max).take());

  const std::vector<mien::Bytes> images(files.begin(), files.end());
  mien::Workspace workspace;
  const std::vector<mien::Result<mien::Analysis>> results = engine.analyze_batch(
      images, {}, workspace,
      [](std::size_t done, std::size_t total) { std::fprintf(stderr, "%zu of %zu\n", done, total); });
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      std::printf("%s: %zu faces\n", argv[i + 1], results[i]->faces.size());
    } else {
      std::printf("%s: %s\n", argv[i + 1], results[i].error().message.c_str());
    }
  }
  return 0;
} catch (const mien::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return mien::error_exit_code(error.error().code);
}
