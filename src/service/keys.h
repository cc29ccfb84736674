// The keys of the service: a file that holds no key but what shows that one is right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"

namespace mien::service {

struct Key {
  std::string name;
  Sha256Digest digest{};
  bool opens_people = false;  // beside all that every key opens
};

class KeyFile {
 public:
  // Reads the file; one that is not there has no keys. Throws Exception: bad_data with the line, io, and
  // invalid_argument where others may write it.
  explicit KeyFile(std::string path);
  const std::vector<Key>& keys() const { return keys_; }
  const std::string& path() const { return path_; }

  // Makes a key of 32 random bytes, stores its digest, and returns it: nobody can have it again. Throws Exception:
  // invalid_argument for a name that is taken or none.
  std::string add(const std::string& name, bool opens_people = false);
  // Throws Exception(not_found).
  void remove(std::string_view name);

  // Each takes as long for every text of one length.
  bool has(std::string_view key) const;
  bool opens_people(std::string_view key) const;

 private:
  bool has(std::string_view key, bool for_people) const;
  void save() const;

  std::string path_;
  std::vector<Key> keys_;
};

// MIEN_KEY_FILE, or else keys in the user's folder of settings. Empty: there is no such folder.
std::string default_key_file();

}  // namespace mien::service
