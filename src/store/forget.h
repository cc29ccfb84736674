// Removes what is known of a person, without a trace in any file of the store.
#pragma once

#include <span>
#include <vector>

#include "mien/tools/store.h"
#include "store/note.h"
#include "store/sqlite.h"

namespace mien {

ForgottenPerson forget_persons(Database& database, std::span<const PersonId> persons, std::span<const FaceId> faces);
// What forget_persons would remove; nothing is changed.
ForgottenPerson forget_in_vain(Database& database, std::span<const PersonId> persons, std::span<const FaceId> faces);
// Of a store from a time before they were forgotten: all whom the note means.
ForgottenPerson forget_again(Database& database, const ForgottenNote& note);
std::vector<FacePlace> read_suppressed(Database& database);

// What is to be done after the transaction, perhaps by another program than the one that was killed: FILE.forgotten is
// written and the WAL emptied. `waits`: for other programs that read, and then it throws what Store::forget throws;
// else what cannot be done now is left to the next one.
void finish_forgetting(Database& database, bool waits);

}  // namespace mien
