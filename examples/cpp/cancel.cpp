// Stopping an analysis from another thread after a while (20 ms, or the milliseconds given).
#include <mien/engine.h>
#include <mien/file.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s PHOTO [MILLISECONDS]\n", argv[0]);
    return 2;
  }
  mien::EngineOptions options;
  options.settings = mien::load_settings();
  const mien::Engine engine(options);
  const std::vector<std::uint8_t> bytes = mien::read_file(argv[1], options.limits.bytes_max).take();

  std::stop_source source;
  const std::chrono::milliseconds delay(argc > 2 ? std::atoi(argv[2]) : 20);
  std::jthread stopper([&] {
    std::this_thread::sleep_for(delay);
    source.request_stop();
  });
  mien::AnalyzeOptions analyze;
  analyze.stop = source.get_token();
  const mien::Result<mien::Analysis> analysis = engine.analyze(bytes, analyze);
  if (analysis) {
    std::printf("finished before: %zu faces\n", analysis->faces.size());
    return 0;
  }
  std::printf("%s: %s\n", mien::error_code_name(analysis.error().code).data(), analysis.error().message.c_str());
  return analysis.error().code == mien::ErrorCode::cancelled ? 0 : 1;
} catch (const mien::Exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return mien::error_exit_code(error.error().code);
}
