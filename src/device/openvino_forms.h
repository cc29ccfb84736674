// Which compiled form of a model a run takes. OpenVINO compiles a model for one shape of its input, or for all at once;
// the latter is 4 to 10 % slower, and a run after one of another shape costs a millisecond more. Both give the same
// numbers. Compiling takes a tenth of a second, as much as fifty to eighty runs lose.
//
// A form is compiled for one run at a time, which the thread that asks computes by itself, until two threads run the
// model at once: from then on forms are compiled for many runs, share their weights, and compute on OpenVINO's threads.
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
  int runs_before_own = 48;  // of a shape, before it gets a form of its own
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
  using Runs = std::vector<std::unique_ptr<FormRun>>;
  // A form, and its runs that wait for the next who asks.
  struct Kept {
    std::shared_ptr<Form> form;
    Runs idle;
    bool is_for_many = false;
    bool is_compiling = false;
    int held = 0;  // runs that somebody has, perhaps of the form before this one
  };
  struct OfShape : Kept {
    std::int64_t runs = 0;
    std::int64_t last_run = 0;
    bool has_failed = false;
  };
  using Dropped = std::vector<Kept>;

  // All three are called with the lock held and return so; they let go of it while OpenVINO works.
  std::optional<Taken> take_own(const FormShape& shape, Lock& lock, Dropped& dropped);
  Taken take_from(Kept& kept, const FormShape& shape, Lock& lock, Dropped& dropped);
  void compile(Kept& kept, const FormShape& shape, Lock& lock, Dropped& dropped);

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
  bool is_for_many_ = false;  // two threads ran the model at once
  int held_ = 0;              // runs of all forms that somebody has or waits for
  std::int64_t own_floats_ = 0;
  std::int64_t runs_ = 0;
};

}  // namespace mien::openvino
