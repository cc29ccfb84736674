// Which compiled form of a model a run takes. OpenVINO compiles a model for one shape of its input, or for all at once;
// the latter is 8 to 30 % slower, and a run after one of another shape costs milliseconds more. Both give the same
// numbers. A form is compiled in a seventh of a second, holds tens of megabytes, and serves one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace mien::openvino {

// A model compiled, with the memory of one run.
class Form {
 public:
  virtual ~Form() = default;
};

// The sides of all inputs, one after the other; empty: whatever the model takes.
using FormShape = std::vector<std::int64_t>;

struct FormLimits {
  int runs_before_own = 8;  // of a shape, before it gets a form of its own
  // What forms for one shape hold together at most, as the numbers of their inputs; a small one counts as `floats_min`,
  // because weights and code take room too.
  std::int64_t floats_max = 0;
  std::int64_t floats_min = std::int64_t{3} * 224 * 224;
  int stale_after = 512;  // runs without it, after which one makes room for another shape
};

// Safe to use from many threads.
class Forms {
 public:
  using Compile = std::function<std::unique_ptr<Form>(const FormShape&)>;
  struct Taken {
    std::unique_ptr<Form> form;
    bool is_own = false;  // compiled for this shape alone
  };

  // `compile` is called without a lock held, and may throw. A model of one shape needs no second form.
  Forms(Compile compile, bool has_one_shape, FormLimits limits)
      : compile_(std::move(compile)), has_one_shape_(has_one_shape), limits_(limits) {}

  // To be given back after the run. Where a form for one shape cannot be compiled, the one for all serves.
  Taken take(const FormShape& shape);
  void give_back(const FormShape& shape, Taken taken);
  std::int64_t own_floats() const;

 private:
  using FormList = std::vector<std::unique_ptr<Form>>;
  struct OfShape {
    FormList idle;
    int held = 0;  // its own forms that are compiled or run right now
    std::int64_t runs = 0;
    std::int64_t last_run = 0;
    bool has_failed = false;
  };
  std::int64_t floats_of(const FormShape& shape) const;
  bool is_worth_own(const FormShape& shape, const OfShape& of_shape, FormList& dropped);
  std::unique_ptr<Form> compile_own(const FormShape& shape);
  void forget_rare_shapes();

  Compile compile_;
  bool has_one_shape_;
  FormLimits limits_;
  mutable std::mutex mutex_;
  std::map<FormShape, OfShape> shapes_;
  FormList idle_;  // for any shape
  std::int64_t own_floats_ = 0;
  std::int64_t runs_ = 0;
};

}  // namespace mien::openvino
