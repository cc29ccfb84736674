// Removes what is known of a person, without a trace in any file of the store.
#pragma once

#include <span>
#include <vector>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

ForgottenPerson forget_persons(Database& database, std::span<const PersonId> persons, std::span<const FaceId> faces);
std::vector<FacePlace> read_suppressed(Database& database);

// What a program that was killed in the middle has left to do: empties the WAL, writes FILE.forgotten.
void finish_forgetting(Database& database);

}  // namespace mien
