#include "scan/known.h"

#include <cassert>
#include <cstring>
#include <random>
#include <utility>

namespace mien {
namespace {

constexpr std::size_t kSecretWords = 4;

}  // namespace

FingerprintTable::Inserted FingerprintTable::insert(std::uint64_t key) {
  assert(key != 0);
  std::size_t place = place_of(key);
  if (keys_[place] == key) return {place, false};
  if ((size_ + 1) * 5 > keys_.size() * 4) {
    resize(keys_.size() * 2);
    place = place_of(key);
  }
  keys_[place] = key;
  ++size_;
  return {place, true};
}

std::optional<std::size_t> FingerprintTable::find(std::uint64_t key) const {
  const std::size_t place = place_of(key);
  if (keys_[place] != key) return std::nullopt;
  return place;
}

std::size_t FingerprintTable::place_of(std::uint64_t key) const {
  const std::size_t mask = keys_.size() - 1;
  std::size_t place = static_cast<std::size_t>(key) & mask;
  while (keys_[place] != 0 && keys_[place] != key) place = (place + 1) & mask;
  return place;
}

void FingerprintTable::resize(std::size_t places) {
  const std::vector<std::uint64_t> keys = std::exchange(keys_, std::vector<std::uint64_t>(places));
  const std::vector<std::uint64_t> values =
      std::exchange(values_, std::vector<std::uint64_t>(has_values_ ? places : 0));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == 0) continue;
    const std::size_t place = place_of(keys[i]);
    keys_[place] = keys[i];
    if (has_values_) values_[place] = values[i];
  }
}

Fingerprinter::Fingerprinter() {
  std::random_device random;
  for (std::size_t i = 0; i < kSecretWords; ++i) {
    const std::uint32_t word = random();
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&word);
    secret_.insert(secret_.end(), bytes, bytes + sizeof(word));
  }
}

std::uint64_t Fingerprinter::operator()(std::span<const std::uint8_t> bytes) const {
  std::vector<std::uint8_t> text;
  text.reserve(secret_.size() + bytes.size());
  text.insert(text.end(), secret_.begin(), secret_.end());
  text.insert(text.end(), bytes.begin(), bytes.end());
  const Sha256Digest digest = sha256(text);
  std::uint64_t fingerprint = 0;
  std::memcpy(&fingerprint, digest.data(), sizeof(fingerprint));
  return fingerprint != 0 ? fingerprint : 1;
}

std::optional<std::uint64_t> KnownContents::claim(const Sha256Digest& digest, std::uint64_t ticket) {
  const std::uint64_t key = fingerprint_(digest);
  const std::lock_guard lock(mutex_);
  const FingerprintTable::Inserted inserted = contents_.insert(key);
  std::uint64_t& value = contents_.value(inserted.place);
  if (inserted.is_new) {
    value = ticket;
    return std::nullopt;
  }
  return (value & kIsPlace) != 0 ? kWritten : value;
}

void KnownContents::set_place(const Sha256Digest& digest, std::int64_t place) {
  const std::uint64_t key = fingerprint_(digest);
  const std::lock_guard lock(mutex_);
  contents_.value(contents_.insert(key).place) = static_cast<std::uint64_t>(place) | kIsPlace;
}

std::optional<std::int64_t> KnownContents::place(const Sha256Digest& digest) const {
  const std::uint64_t key = fingerprint_(digest);
  const std::lock_guard lock(mutex_);
  const std::optional<std::size_t> found = contents_.find(key);
  if (!found || (contents_.value(*found) & kIsPlace) == 0) return std::nullopt;
  return static_cast<std::int64_t>(contents_.value(*found) & ~kIsPlace);
}

}  // namespace mien
