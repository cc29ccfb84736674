// FILE.forgotten: who is not to be known again, without a name and without biometrics. One JSON object a line.
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "store/sqlite.h"

namespace mien {

struct ForgottenNote {
  std::set<std::string> tokens;  // of persons, as they stand in the table person
  struct Place {
    std::string sha256;  // 32 bytes
    std::string box;     // 16 bytes
    bool operator<(const Place& other) const { return std::tie(sha256, box) < std::tie(other.sha256, other.box); }
  };
  std::set<Place> places;
  void merge(ForgottenNote other) {
    tokens.merge(other.tokens);
    places.merge(other.places);
  }
};

// An empty one where there is no such file. Throws Exception: io, bad_data, which names the line.
ForgottenNote read_note(const std::string& path);
ForgottenNote note_of(Database& database);
void write_note(const std::string& path, const ForgottenNote& note);
// In the caller's transaction: what is in the note is in the tables too.
void put_note(Database& database, const ForgottenNote& note);

}  // namespace mien
