// What a scan remembers for its whole length: paths and contents that it has met. This is the only
// memory of a scan that grows with the number of images, so an entry is 16 bytes of a SHA-256 (no
// two will ever be equal by chance or on purpose) and little else.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/sha256.h"

namespace mien {

struct ShortDigest {
  std::array<std::uint64_t, 2> words{};
  explicit ShortDigest(const Sha256Digest& digest) { std::memcpy(words.data(), digest.data(), sizeof(words)); }
  bool operator==(const ShortDigest&) const = default;
};

struct ShortDigestHash {
  std::size_t operator()(const ShortDigest& digest) const { return digest.words[0]; }
};

// Not for several threads at once.
class KnownPaths {
 public:
  // False when it was there already.
  bool insert(const std::string& path) { return paths_.insert(digest_of(path)).second; }
  bool contains(const std::string& path) const { return paths_.contains(digest_of(path)); }

 private:
  static ShortDigest digest_of(const std::string& path) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(path.data());
    return ShortDigest(sha256({bytes, path.size()}));
  }
  std::unordered_set<ShortDigest, ShortDigestHash> paths_;
};

// Where a finished line lies in the file of records.
struct LinePlace {
  std::int64_t offset = 0;
  std::uint32_t length = 0;  // without the newline
};

// Who analyses each content, and where the result is written. For several threads.
class KnownContents {
 public:
  // Empty: the content is new, and the caller is its owner and must analyse it. Otherwise the
  // ticket of the owner, or kWritten.
  static constexpr std::uint64_t kWritten = UINT64_MAX;
  std::optional<std::uint64_t> claim(const Sha256Digest& digest, std::uint64_t ticket) {
    const std::lock_guard lock(mutex_);
    const auto [entry, is_new] = entries_.try_emplace(ShortDigest(digest), Entry{ticket, {}});
    if (is_new) return std::nullopt;
    return entry->second.owner;
  }

  void set_place(const Sha256Digest& digest, LinePlace place) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(ShortDigest(digest), Entry{kWritten, place});
  }

  std::optional<LinePlace> place(const Sha256Digest& digest) const {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(ShortDigest(digest));
    if (entry == entries_.end() || entry->second.owner != kWritten) return std::nullopt;
    return entry->second.place;
  }

 private:
  struct Entry {
    std::uint64_t owner = 0;
    LinePlace place;
  };
  mutable std::mutex mutex_;  // guards entries_
  std::unordered_map<ShortDigest, Entry, ShortDigestHash> entries_;
};

}  // namespace mien
