#include "service/keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>

#include "base/file.h"
#include "base/text.h"
#include "service/http/head.h"

namespace mien::service {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kDigestDigits = 64;
constexpr std::string_view kPeople = "people";  // the third word of a line

Sha256Digest digest_of(std::string_view text) {
  return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// Nothing for what is no digest.
std::optional<Sha256Digest> digest_from_hex(std::string_view text) {
  Sha256Digest digest{};
  if (text.size() != kDigestDigits) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const std::string byte = "%" + std::string(text.substr(2 * i, 2));
    const std::optional<std::string> decoded = percent_decoded(byte, false);
    if (!decoded || decoded->size() != 1) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(decoded->front());
  }
  return digest;
}

// NAME DIGEST, or NAME DIGEST people. Nothing for what is no key.
std::optional<Key> key_of_line(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line = trim(line.substr(end));
  }
  const bool opens_people = words.size() == 3 && words[2] == kPeople;
  if (!is_request_id(words[0]) || (words.size() != 2 && !opens_people)) return std::nullopt;
  const std::optional<Sha256Digest> digest = digest_from_hex(words[1]);
  if (!digest) return std::nullopt;
  return Key{std::string(words[0]), *digest, opens_people};
}

void check_others_cannot_write(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("the key file {} may be written by others: run 'chmod 600' on it", path));
}

}  // namespace

KeyFile::KeyFile(std::string path) : path_(std::move(path)) {
  const Result<std::vector<std::uint8_t>> bytes = read_file(path_, kFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::not_found) return;
  if (!bytes) throw Exception(bytes.error());
  check_others_cannot_write(path_);
  std::string_view rest(reinterpret_cast<const char*>((*bytes).data()), (*bytes).size());
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.front() == '#') continue;
    std::optional<Key> key = key_of_line(line);
    if (!key) {
      throw Exception(ErrorCode::bad_data,
                      fmt::format("{} line {} is no key: lines are NAME, the SHA-256 of a key, and 'people' where it "
                                  "opens people, as 'mien keys add' writes them",
                                  path_, number));
    }
    keys_.push_back(std::move(*key));
  }
}

std::string KeyFile::add(const std::string& name, bool opens_people) {
  if (!is_request_id(name)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("'{}' is no name of a key: use 1 to 64 letters, digits, dots, dashes and _", name));
  }
  if (std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) { return key.name == name; })) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("there is a key named {}: choose another name, or remove that one", name));
  }
  std::array<std::uint8_t, kKeyBytes> random{};
  if (::getentropy(random.data(), random.size()) != 0) {
    throw Exception(ErrorCode::io, fmt::format("no random bytes: {}", std::strerror(errno)));
  }
  std::string key = hex(random);
  keys_.push_back({name, digest_of(key), opens_people});
  save();
  return key;
}

void KeyFile::remove(std::string_view name) {
  const auto removed = std::remove_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key.name == name; });
  if (removed == keys_.end()) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("there is no key named {}: 'mien keys list' has the names", name));
  }
  keys_.erase(removed, keys_.end());
  save();
}

bool KeyFile::has(std::string_view key) const { return has(key, false); }

bool KeyFile::opens_people(std::string_view key) const { return has(key, true); }

bool KeyFile::has(std::string_view key, bool for_people) const {
  const Sha256Digest digest = digest_of(key);
  // Every row is compared in whole, also behind one that fits.
  int found = 0;
  for (const Key& row : keys_) {
    const bool is_it = CRYPTO_memcmp(row.digest.data(), digest.data(), digest.size()) == 0;
    found |= static_cast<int>(is_it) & static_cast<int>(row.opens_people || !for_people);
  }
  return found != 0;
}

void KeyFile::save() const {
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  std::error_code failure;
  if (!folder.empty()) std::filesystem::create_directories(folder, failure);
  PrivateFile file(path_);
  for (const Key& key : keys_) {
    const std::string kind = key.opens_people ? " " + std::string(kPeople) : "";
    file.write(fmt::format("{} {}{}\n", key.name, sha256_hex(key.digest), kind));
  }
  file.commit();
}

std::string default_key_file() {
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/mien/keys";
  const char* const home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? std::string(home) + "/.config/mien/keys" : "";
}

}  // namespace mien::service
