#include "device/openvino_compiled.h"

#include <algorithm>
#include <utility>

#include "mien/result.h"

namespace mien::openvino {
namespace {

// A scan of odd sizes must not fill the memory with what is known of each.
constexpr std::size_t kShapesKnownMax = 256;

}  // namespace

CompiledModels::BorrowedRun CompiledModels::take(const InputShape& shape) {
  Dropped dropped;  // freed behind the lock: that takes OpenVINO milliseconds
  Lock lock(mutex_);
  is_for_many_ = is_for_many_ || (limits_.shares_weights && held_ > 0);
  ++held_;
  try {
    if (!has_one_shape_ && !shape.empty()) {
      if (std::optional<BorrowedRun> own = take_own(shape, lock, dropped)) return std::move(*own);
    }
    return take_from(general_, {}, lock, dropped);
  } catch (...) {
    --held_;
    throw;
  }
}

void CompiledModels::give_back(const InputShape& shape, BorrowedRun taken) {
  const Lock lock(mutex_);
  --held_;
  ReadyRuns& kept = taken.is_own ? shapes_[shape] : general_;
  --kept.held;
  const bool is_old = kept.for_many != nullptr && taken.compiled != kept.for_many;
  if (!is_old) {
    kept.idle.push_back(std::move(taken));
  } else if (taken.is_own) {
    own_floats_ -= floats_of(shape);
  }
}

std::int64_t CompiledModels::own_floats() const {
  const Lock lock(mutex_);
  return own_floats_;
}

// Returns nothing where the compiled model for all shapes serves.
std::optional<CompiledModels::BorrowedRun> CompiledModels::take_own(const InputShape& shape, Lock& lock,
                                                                    Dropped& dropped) {
  RunsOfShape& of_shape = shapes_[shape];
  of_shape.last_run = ++runs_;
  forget_rare_shapes();
  if (of_shape.has_failed || of_shape.is_compiling) return std::nullopt;
  const bool needs_run = of_shape.idle.empty();
  if (needs_run && of_shape.for_many == nullptr && ++of_shape.misses <= limits_.runs_before_own) return std::nullopt;
  if (needs_run && !has_room(shape, dropped)) return std::nullopt;
  if (needs_run) {
    own_floats_ += floats_of(shape);
    of_shape.misses = 0;
  }
  try {
    BorrowedRun taken = take_from(of_shape, shape, lock, dropped);
    taken.is_own = true;
    return taken;
  } catch (const Exception&) {
    own_floats_ -= floats_of(shape);
    of_shape.has_failed = true;
    return std::nullopt;
  }
}

CompiledModels::BorrowedRun CompiledModels::take_from(ReadyRuns& kept, const InputShape& shape, Lock& lock,
                                                      Dropped& dropped) {
  compiled_.wait(lock, [&] { return !kept.is_compiling; });
  ++kept.held;
  if (!kept.idle.empty()) {
    BorrowedRun taken = std::move(kept.idle.back());
    kept.idle.pop_back();
    return taken;
  }
  try {
    return make_run(kept, shape, lock, dropped);
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    --kept.held;
    throw;
  }
}

CompiledModels::BorrowedRun CompiledModels::make_run(ReadyRuns& kept, const InputShape& shape, Lock& lock,
                                                     Dropped& dropped) {
  if (is_for_many_ && kept.for_many == nullptr) compile_for_many(kept, shape, lock, dropped);
  BorrowedRun taken;
  taken.compiled = kept.for_many;
  lock.unlock();
  dropped.clear();  // before another one needs the room
  if (taken.compiled == nullptr) taken.compiled = compile_(shape, false);
  taken.run = taken.compiled->make_run();
  lock.lock();
  return taken;
}

void CompiledModels::compile_for_many(ReadyRuns& kept, const InputShape& shape, Lock& lock, Dropped& dropped) {
  kept.is_compiling = true;
  lock.unlock();
  std::shared_ptr<CompiledModel> compiled;
  try {
    dropped.clear();
    compiled = compile_(shape, true);
  } catch (...) {
    lock.lock();
    kept.is_compiling = false;
    compiled_.notify_all();
    throw;
  }
  lock.lock();
  kept.is_compiling = false;
  compiled_.notify_all();
  // Runs of the compiled model before, given back meanwhile.
  if (!shape.empty()) own_floats_ -= floats_of(shape) * static_cast<std::int64_t>(kept.idle.size());
  dropped.push_back({nullptr, std::exchange(kept.idle, {})});
  kept.for_many = std::move(compiled);
}

std::int64_t CompiledModels::floats_of(const InputShape& shape) const {
  std::int64_t floats = 1;
  for (const std::int64_t side : shape) floats *= side;
  return std::max(floats, limits_.floats_min);
}

// Makes room where the limit is reached and a shape has not been seen for long.
bool CompiledModels::has_room(const InputShape& shape, Dropped& dropped) {
  while (own_floats_ + floats_of(shape) > limits_.floats_max) {
    auto oldest = shapes_.end();
    for (auto entry = shapes_.begin(); entry != shapes_.end(); ++entry) {
      const RunsOfShape& of_shape = entry->second;
      if (of_shape.idle.empty() || of_shape.held > 0 || of_shape.is_compiling) continue;
      if (oldest == shapes_.end() || of_shape.last_run < oldest->second.last_run) oldest = entry;
    }
    if (oldest == shapes_.end() || runs_ - oldest->second.last_run < limits_.stale_after) return false;
    RunsOfShape& stale = oldest->second;
    own_floats_ -= floats_of(oldest->first) * static_cast<std::int64_t>(stale.idle.size());
    dropped.push_back({std::exchange(stale.for_many, nullptr), std::exchange(stale.idle, {})});
  }
  return true;
}

void CompiledModels::forget_rare_shapes() {
  if (shapes_.size() <= kShapesKnownMax) return;
  std::erase_if(shapes_, [&](const auto& entry) {
    const RunsOfShape& of_shape = entry.second;
    return of_shape.for_many == nullptr && of_shape.idle.empty() && of_shape.held == 0 && of_shape.last_run != runs_ &&
           !of_shape.is_compiling && !of_shape.has_failed;
  });
}

}  // namespace mien::openvino
