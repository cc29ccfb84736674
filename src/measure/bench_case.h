// One operation, measured by itself: the stage of an analysis, or what an operation without a stage does.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "measure/bench_images.h"
#include "pipeline/state.h"

namespace mien {

struct BenchCase {
  std::string_view name;  // the operation's, or "thumbnail_creation"
  Operation operation;
};

// A case for each row of the table of operations that there is something to run for, in its order; then
// thumbnail_creation.
std::vector<BenchCase> bench_cases();

// Throws Exception(invalid_argument) where `asked` holds something else than these; `what` is one of them: "image
// size".
void check_names(const std::vector<std::string>& asked, const std::vector<std::string_view>& known, const char* what);
// Whether it is among them, or all are asked for.
bool is_asked(const std::vector<std::string>& asked, std::string_view name);

// With every operation there, whatever the settings say.
EngineOptions with_gpu_mode(EngineOptions options, GpuMode mode);

// Pictures of one size, as far as an analysis takes them before it comes to an operation.
struct PreparedPictures {
  std::vector<Image> pictures;
  Group items;       // they view `pictures`
  double faces = 0;  // a picture
  double detect_ms = 0;
};
// `pictures` are copied. Pictures without a face are left out where the operation works on faces. Runs on the CPU: the
// engine must have no device. Throws Exception(not_found) when nothing is left.
PreparedPictures prepare_pictures(const Engine::State& engine, const BenchCase& bench_case,
                                  const std::vector<Image>& pictures, const std::stop_token& stop = {});

// One batch.
struct BatchSample {
  double wall_ms = 0;
  double cpu_ms = 0;
  double gpu_memory_mb = 0;  // held when the last group was done
  int failed = 0;            // images
  std::string error;         // the first one's
};

// Runs batches of `images` pictures (the same again where there are fewer) on an engine.
class CaseRun {
 public:
  // Both are used until the end.
  CaseRun(const Engine::State& engine, const BenchCase& bench_case, const PreparedPictures& prepared);

  // Throws Exception(cancelled) alone.
  BatchSample run(int images, const std::stop_token& stop = {});
  // The same until the device has compiled what this batch needs, which its backend may do beside: wall_ms is all that
  // it took.
  BatchSample warm_up(int images, const std::stop_token& stop = {});
  // Where the batches since the last call ran.
  Placement take_placement();
  bool uses_device() const;

 private:
  void run_group(Group& group, const AnalyzeOptions& options);
  void process_images(Group& group);
  bool is_group_full(const Group& group, int images) const;

  const Engine::State& engine_;
  BenchCase case_;
  const PreparedPictures& prepared_;
  Workspace workspace_;
  std::shared_ptr<ItemMemory> memory_ = std::make_shared<ItemMemory>();
  Image out_;
  GroupItem sum_;  // its notes are the sums of all items'
};

}  // namespace mien
