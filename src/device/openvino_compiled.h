// Which compiled form of a model a run takes. OpenVINO compiles a model for one shape of its input, or for all at once;
// the latter is 4 to 10 % slower, and a run after one of another shape costs a millisecond more. Both give the same
// numbers. Compiling takes a tenth of a second, as much as fifty to eighty runs lose.
//
// A form for one run at a time is computed by the thread that asks. One for many runs keeps the weights once and
// computes on OpenVINO's threads, and handing a run over leaves cores idle: two threads on two cores reach 1.7 of them
// instead of 1.9. So only models with large weights get forms for many runs, as soon as two threads run them at once.
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
class FormRun {
 public:
  virtual ~FormRun() = default;
};

// A model compiled. Outlives its runs.
class Form {
 public:
  virtual ~Form() = default;
  virtual std::unique_ptr<FormRun> make_run() = 0;
};

// The sides of all inputs, one after the other; empty: whatever the model takes.
using FormShape = std::vector<std::int64_t>;

struct FormLimits {
  bool shares_weights = false;  // forms are for many runs once two threads meet
  int runs_before_own = 48;     // of a shape that found no form of its own, before it gets one, or one more
  // What runs of forms for one shape hold together at most, as the numbers of their inputs; a small one counts as
  // `floats_min`, because code takes room too.
  std::int64_t floats_max = 0;
  std::int64_t floats_min = std::int64_t{3} * 224 * 224;
  int stale_after = 512;  // runs without it, after which one makes room for another shape
};

// Safe to use from many threads.
class Forms {
 public:
  using Compile = std::function<std::shared_ptr<Form>(const FormShape&, bool for_many)>;
  struct Taken {
    std::shared_ptr<Form> form;
    std::unique_ptr<FormRun> run;
    bool is_own = false;  // compiled for this shape alone
  };

  // `compile` is called without a lock held, and may throw. A model of one shape needs no second form.
  Forms(Compile compile, bool has_one_shape, FormLimits limits)
      : compile_(std::move(compile)), has_one_shape_(has_one_shape), limits_(limits) {}

  // A run, to be given back; of an empty shape, one of the form for all. Where a form for one shape cannot be compiled,
  // the one for all serves; where that cannot, this throws what `compile` threw.
  Taken take(const FormShape& shape);
  void give_back(const FormShape& shape, Taken taken);
  std::int64_t own_floats() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  // The forms for a shape, and their runs that wait for the next who asks.
  struct Kept {
    std::shared_ptr<Form> for_many;
    std::vector<Taken> idle;
    bool is_compiling = false;  // the form for many
    int held = 0;               // runs that somebody has, perhaps of a form before that for many
  };
  struct OfShape : Kept {
    std::int64_t misses = 0;  // runs that the form for all took since the last own one was compiled
    std::int64_t last_run = 0;
    bool has_failed = false;
  };
  using Dropped = std::vector<Kept>;

  // All are called with the lock held and return so; they let go of it while OpenVINO works.
  std::optional<Taken> take_own(const FormShape& shape, Lock& lock, Dropped& dropped);
  Taken take_from(Kept& kept, const FormShape& shape, Lock& lock, Dropped& dropped);
  Taken make_run(Kept& kept, const FormShape& shape, Lock& lock, Dropped& dropped);
  void compile_for_many(Kept& kept, const FormShape& shape, Lock& lock, Dropped& dropped);

  std::int64_t floats_of(const FormShape& shape) const;
  bool has_room(const FormShape& shape, Dropped& dropped);
  void forget_rare_shapes();

  Compile compile_;
  bool has_one_shape_;
  FormLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable compiled_;
  std::map<FormShape, OfShape> shapes_;
  Kept general_;              // for any shape
  bool is_for_many_ = false;  // two threads ran a model at once that shares its weights
  int held_ = 0;              // runs of all forms that somebody has or waits for
  std::int64_t own_floats_ = 0;
  std::int64_t runs_ = 0;
};

}  // namespace mien::openvino
