#include "service/budget.h"

#include <algorithm>
#include <cassert>

namespace mien::service {

Reservation::Reservation(Reservation&& other) noexcept { *this = std::move(other); }

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  // The other one takes over what was held here.
  std::swap(budget_, other.budget_);
  std::swap(bytes_, other.bytes_);
  std::swap(is_beyond_, other.is_beyond_);
  return *this;
}

Reservation::~Reservation() {
  if (budget_) budget_->give_back(bytes_, is_beyond_);
}

void Reservation::shrink(std::size_t bytes) {
  if (bytes >= bytes_) return;
  budget_->give_back(bytes_ - bytes, false);
  bytes_ = bytes;
}

Reservation Reservation::split(std::size_t bytes) {
  assert(bytes <= bytes_);
  Reservation part;
  part.budget_ = budget_;
  part.bytes_ = bytes;
  bytes_ -= bytes;
  return part;
}

void Reservation::merge(Reservation other) {
  if (!other.budget_) return;
  budget_ = other.budget_;
  bytes_ += std::exchange(other.bytes_, 0);
  is_beyond_ = std::exchange(other.is_beyond_, false) || is_beyond_;
}

Budget::Budget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

bool Budget::reserve(Reservation& reservation, std::size_t bytes) {
  assert(!reservation.budget_ || reservation.budget_.get() == this);
  const std::lock_guard lock(mutex_);
  if (held_ > bytes_max_ || bytes > bytes_max_ - held_) return false;
  held_ += bytes;
  reservation.budget_ = shared_from_this();
  reservation.bytes_ += bytes;
  return true;
}

bool Budget::reserve_beyond(Reservation& reservation, std::size_t bytes) {
  if (reserve(reservation, bytes)) return true;
  const std::lock_guard lock(mutex_);
  if (is_beyond_ && !reservation.is_beyond_) return false;
  is_beyond_ = true;
  held_ += bytes;
  reservation.budget_ = shared_from_this();
  reservation.bytes_ += bytes;
  reservation.is_beyond_ = true;
  return true;
}

std::size_t Budget::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

std::size_t Budget::bytes_max() const { return bytes_max_; }

void Budget::when_room(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(call));
}

void Budget::give_back(std::size_t bytes, bool was_beyond) {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    held_ -= bytes;
    if (was_beyond) is_beyond_ = false;
    if (bytes > 0 || was_beyond) calls.swap(waiting_);
  }
  for (const std::function<void()>& call : calls) call();
}

}  // namespace mien::service
