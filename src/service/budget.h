// Bytes of bodies that the service holds at most, whoever holds them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace mien::service {

class Budget;

// Bytes that are taken from a budget as long as it lives.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();
  std::size_t bytes() const { return bytes_; }
  // Gives back what is beyond `bytes`.
  void shrink(std::size_t bytes);
  // Moves `bytes` of these into another one.
  Reservation split(std::size_t bytes);
  // Takes over all of another one's.
  void merge(Reservation other);

 private:
  friend class Budget;
  std::shared_ptr<Budget> budget_;
  std::size_t bytes_ = 0;
  bool is_beyond_ = false;
};

// Safe to use from many threads. Held by shared_ptr alone.
class Budget : public std::enable_shared_from_this<Budget> {
 public:
  explicit Budget(std::size_t bytes_max);
  // Adds `bytes` to `reservation`; false: there is no room, and nothing changed.
  bool reserve(Reservation& reservation, std::size_t bytes);
  // Where there is no room, one reservation at a time may go beyond: of many that each hold a part of what they need,
  // one must come to its end. false: another one does.
  bool reserve_beyond(Reservation& reservation, std::size_t bytes);
  std::size_t held() const;
  std::size_t bytes_max() const;
  // Called by whoever gives bytes back, on its thread, once, the next time that some come back. In the order of asking.
  void when_room(std::function<void()> call);

 private:
  friend class Reservation;
  void give_back(std::size_t bytes, bool was_beyond);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;  // guards everything below
  std::size_t held_ = 0;
  bool is_beyond_ = false;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace mien::service
