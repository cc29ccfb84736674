// Which compiled model a run takes. OpenVINO compiles a model for one shape of its input, or for all at once;
// the latter is 4 to 10 % slower, and a run after one of another shape costs a millisecond more. Both give the same
// numbers. Compiling takes a tenth of a second, as much as fifty to eighty runs lose.
//
// A compiled model for one run at a time is computed by the thread that asks. One for many runs keeps the weights once
// and computes on OpenVINO's threads, and handing a run over leaves cores idle: two threads on two cores reach 1.7 of
// them instead of 1.9. So only models with large weights get compiled models for many runs, as soon as two threads run
// them at once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace mien::openvino {

// The memory of one run at a time.
class CompiledRun {
 public:
  virtual ~CompiledRun() = default;
};

// A model compiled. Outlives its runs.
class CompiledModel {
 public:
  virtual ~CompiledModel() = default;
  virtual std::unique_ptr<CompiledRun> make_run() = 0;
};

// The sides of all inputs, one after the other; empty: whatever the model takes.
using InputShape = std::vector<std::int64_t>;

struct CompiledLimits {
  bool shares_weights = false;  // compiled models are for many runs once two threads meet
  int runs_before_own = 48;     // of a shape that found no compiled model of its own, before it gets one, or one more
  // The most that runs of compiled models for one shape may hold together, counted in the numbers of their inputs; a
  // small one counts as `floats_min`, because code takes room too.
  std::int64_t floats_max = 0;
  std::int64_t floats_min = std::int64_t{3} * 224 * 224;
  int stale_after = 512;  // runs without it, after which one makes room for another shape
};

// Safe to use from many threads.
class CompiledModels {
 public:
  using Compile = std::function<std::shared_ptr<CompiledModel>(const InputShape&, bool for_many)>;
  struct BorrowedRun {
    std::shared_ptr<CompiledModel> compiled;
    std::unique_ptr<CompiledRun> run;
    bool is_own = false;  // compiled for this shape alone
  };

  // `compile` is called without a lock held, and may throw. A model of one shape needs no second compiled model.
  CompiledModels(Compile compile, bool has_one_shape, CompiledLimits limits)
      : compile_(std::move(compile)), has_one_shape_(has_one_shape), limits_(limits) {}

  // A run, to be given back; of an empty shape, one of the compiled model for all. Where a compiled model for one shape
  // cannot be compiled, the one for all serves; where that cannot, this throws what `compile` threw.
  BorrowedRun take(const InputShape& shape);
  void give_back(const InputShape& shape, BorrowedRun taken);
  std::int64_t own_floats() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  // The compiled models for a shape, and their runs that wait for the next who asks.
  struct ReadyRuns {
    std::shared_ptr<CompiledModel> for_many;
    std::vector<BorrowedRun> idle;
    bool is_compiling = false;  // the compiled model for many
    int held = 0;               // runs that somebody has, perhaps of a compiled model before that for many
  };
  struct RunsOfShape : ReadyRuns {
    std::int64_t misses = 0;  // runs that the compiled model for all took since the last own one was compiled
    std::int64_t last_run = 0;
    bool has_failed = false;
  };
  using Dropped = std::vector<ReadyRuns>;

  // The next four are called with the lock held and return so; they let go of it while OpenVINO works.
  std::optional<BorrowedRun> take_own(const InputShape& shape, Lock& lock, Dropped& dropped);
  BorrowedRun take_from(ReadyRuns& kept, const InputShape& shape, Lock& lock, Dropped& dropped);
  BorrowedRun make_run(ReadyRuns& kept, const InputShape& shape, Lock& lock, Dropped& dropped);
  void compile_for_many(ReadyRuns& kept, const InputShape& shape, Lock& lock, Dropped& dropped);

  std::int64_t floats_of(const InputShape& shape) const;
  bool has_room(const InputShape& shape, Dropped& dropped);
  void forget_rare_shapes();

  Compile compile_;
  bool has_one_shape_;
  CompiledLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable compiled_;
  std::map<InputShape, RunsOfShape> shapes_;
  ReadyRuns general_;         // for any shape
  bool is_for_many_ = false;  // two threads ran a model at once that shares its weights
  int held_ = 0;              // runs of all compiled models that somebody has or waits for
  std::int64_t own_floats_ = 0;
  std::int64_t runs_ = 0;
};

}  // namespace mien::openvino
