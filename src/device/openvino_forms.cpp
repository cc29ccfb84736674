#include "device/openvino_forms.h"

#include <algorithm>
#include <utility>

#include "mien/result.h"

namespace mien::openvino {
namespace {

// A scan of odd sizes must not fill the memory with what is known of each.
constexpr std::size_t kShapesKnownMax = 256;

std::unique_ptr<Form> pop(std::vector<std::unique_ptr<Form>>& forms) {
  if (forms.empty()) return nullptr;
  std::unique_ptr<Form> form = std::move(forms.back());
  forms.pop_back();
  return form;
}

}  // namespace

Forms::Taken Forms::take(const FormShape& shape) {
  bool compiles_own = false;
  FormList dropped;  // freed without the lock: that takes OpenVINO milliseconds
  {
    const std::lock_guard lock(mutex_);
    if (!has_one_shape_) {
      OfShape& of_shape = shapes_[shape];
      ++of_shape.runs;
      of_shape.last_run = ++runs_;
      std::unique_ptr<Form> form = pop(of_shape.idle);
      compiles_own = form == nullptr && is_worth_own(shape, of_shape, dropped);
      if (compiles_own) own_floats_ += floats_of(shape);
      if (form != nullptr || compiles_own) ++of_shape.held;
      if (form != nullptr) return {std::move(form), true};
      forget_rare_shapes();
    }
    if (!compiles_own) {
      if (std::unique_ptr<Form> form = pop(idle_)) return {std::move(form), false};
    }
  }
  dropped.clear();  // before another one needs the room
  if (compiles_own) {
    if (std::unique_ptr<Form> form = compile_own(shape)) return {std::move(form), true};
    return take(shape);
  }
  return {compile_({}), false};
}

void Forms::give_back(const FormShape& shape, Taken taken) {
  const std::lock_guard lock(mutex_);
  if (!taken.is_own) {
    idle_.push_back(std::move(taken.form));
    return;
  }
  OfShape& of_shape = shapes_[shape];
  --of_shape.held;
  of_shape.idle.push_back(std::move(taken.form));
}

std::int64_t Forms::own_floats() const {
  const std::lock_guard lock(mutex_);
  return own_floats_;
}

std::int64_t Forms::floats_of(const FormShape& shape) const {
  std::int64_t floats = 1;
  for (const std::int64_t side : shape) floats *= side;
  return std::max(floats, limits_.floats_min);
}

// Makes room where the limit is reached and a shape has not been seen for long; the caller frees what is dropped.
bool Forms::is_worth_own(const FormShape& shape, const OfShape& of_shape, FormList& dropped) {
  if (of_shape.has_failed || of_shape.runs <= limits_.runs_before_own) return false;
  while (own_floats_ + floats_of(shape) > limits_.floats_max) {
    auto oldest = shapes_.end();
    for (auto entry = shapes_.begin(); entry != shapes_.end(); ++entry) {
      if (entry->second.idle.empty()) continue;
      if (oldest == shapes_.end() || entry->second.last_run < oldest->second.last_run) oldest = entry;
    }
    if (oldest == shapes_.end() || runs_ - oldest->second.last_run < limits_.stale_after) return false;
    dropped.push_back(pop(oldest->second.idle));
    own_floats_ -= floats_of(oldest->first);
  }
  return true;
}

std::unique_ptr<Form> Forms::compile_own(const FormShape& shape) {
  try {
    return compile_(shape);
  } catch (const Exception&) {
    const std::lock_guard lock(mutex_);
    own_floats_ -= floats_of(shape);
    OfShape& of_shape = shapes_[shape];
    of_shape.has_failed = true;
    --of_shape.held;
    return nullptr;
  }
}

void Forms::forget_rare_shapes() {
  if (shapes_.size() <= kShapesKnownMax) return;
  std::erase_if(shapes_, [&](const auto& entry) {
    const OfShape& of_shape = entry.second;
    return of_shape.idle.empty() && of_shape.held == 0 && of_shape.last_run != runs_ && !of_shape.has_failed;
  });
}

}  // namespace mien::openvino
