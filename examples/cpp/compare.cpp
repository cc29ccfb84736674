// Whether the first faces of two photos are the same person.
#include <mien/engine.h>
#include <mien/file.h>

#include <cstdio>

namespace {

mien::Analysis analysis_of(const mien::Engine& engine, const char* path) {
  const std::vector<std::uint8_t> bytes = mien::read_file(path, engine.options().limits.bytes_max).take();
  mien::Analysis analysis = engine.analyze(bytes).take();
  if (analysis.faces.empty()) {
    throw mien::Exception(mien::ErrorCode::bad_data, std::string(path) + " shows no face");
  }
  return analysis;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PHOTO PHOTO\n", argv[0]);
    return 2;
  }
  mien::EngineOptions options;
  options.settings = mien::load_settings();
  const mien::Engine engine(options);
  const mien::Analysis one = analysis_of(engine, argv[1]);
  const mien::Analysis other = analysis_of(engine, argv[2]);
  const float similarity = mien::compare_faces(one, 0, other, 0).take();
  if (const std::optional<float> threshold = engine.embedder()->threshold_verify) {
    // By the verdict's number.
    constexpr const char* kTexts[] = {"the same person", "different people", "not comparable", "cannot tell"};
    const mien::Verdict verdict = mien::judge_pair(one.faces[0], other.faces[0], similarity, *threshold);
    std::printf("similarity %.3f, threshold %.3f: %s\n", similarity, *threshold,
                kTexts[static_cast<std::size_t>(verdict)]);
  } else {
    std::printf("similarity %.3f; %s has no threshold\n", similarity, engine.embedder()->name.c_str());
  }
  return 0;
} catch (const mien::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return mien::error_exit_code(error.error().code);
}
