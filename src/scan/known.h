// The paths and contents that a scan has met; it remembers them for its whole length. This is the only
// memory of a scan that grows with the number of images: 8 bytes a path and 16 bytes a content, in tables that
// have room for 100,000 images from the start and double when they are four fifths full.
//
// An entry is known by 64 bits of a SHA-256 over a secret of this process and the path or the digest: nobody can
// make two that look alike, and among a million images the chance that any two do is 3 in 100 million.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace mien {

// Room at first, a power of two.
inline constexpr std::size_t kKnownPlaces = std::size_t{1} << 17;

// Open addressing. Keys are evenly distributed already; 0 stands for an empty place.
class FingerprintTable {
 public:
  explicit FingerprintTable(bool has_values, std::size_t places = kKnownPlaces) : has_values_(has_values) {
    resize(places);
  }

  // The place of the key, which it takes if it was not there. Places are valid until the next insertion.
  struct Inserted {
    std::size_t place = 0;
    bool is_new = false;
  };
  Inserted insert(std::uint64_t key);
  std::optional<std::size_t> find(std::uint64_t key) const;
  std::uint64_t& value(std::size_t place) { return values_[place]; }
  std::uint64_t value(std::size_t place) const { return values_[place]; }
  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return (keys_.capacity() + values_.capacity()) * sizeof(std::uint64_t); }

 private:
  void resize(std::size_t places);
  std::size_t place_of(std::uint64_t key) const;  // where it is or belongs

  bool has_values_;
  std::vector<std::uint64_t> keys_;
  std::vector<std::uint64_t> values_;
  std::size_t size_ = 0;
};

// 64 bits that nobody outside this process can foretell, never 0.
class Fingerprinter {
 public:
  Fingerprinter();
  std::uint64_t operator()(std::span<const std::uint8_t> bytes) const;

 private:
  std::vector<std::uint8_t> secret_;
};

// Not for several threads at once.
class KnownPaths {
 public:
  KnownPaths() : KnownPaths(kKnownPlaces) {}
  explicit KnownPaths(std::size_t places) : paths_(false, places) {}
  // False when it was there already.
  bool insert(const std::string& path) { return paths_.insert(fingerprint_of(path)).is_new; }
  bool contains(const std::string& path) const { return paths_.find(fingerprint_of(path)).has_value(); }

 private:
  std::uint64_t fingerprint_of(const std::string& path) const {
    return fingerprint_({reinterpret_cast<const std::uint8_t*>(path.data()), path.size()});
  }
  Fingerprinter fingerprint_;
  FingerprintTable paths_;
};

// Says who analyses each content, and where in the sink the result lies. For several threads.
class KnownContents {
 public:
  KnownContents() : KnownContents(kKnownPlaces) {}
  explicit KnownContents(std::size_t places) : contents_(true, places) {}
  // Empty: the content is new, and the caller is its owner and must analyse it. Otherwise the
  // ticket of the owner, or kWritten.
  static constexpr std::uint64_t kWritten = UINT64_MAX;
  std::optional<std::uint64_t> claim(const Sha256Digest& digest, std::uint64_t ticket);
  // The result lies at this place of the sink.
  void set_place(const Sha256Digest& digest, std::int64_t place);
  std::optional<std::int64_t> place(const Sha256Digest& digest) const;

 private:
  // A value is a ticket, or a place with this bit.
  static constexpr std::uint64_t kIsPlace = std::uint64_t{1} << 63;
  Fingerprinter fingerprint_;
  mutable std::mutex mutex_;  // guards contents_
  FingerprintTable contents_;
};

}  // namespace mien
