// The log of what people said.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

// The number that the next person gets; `last` is the last one that this program was told.
PersonId next_person(Database& database, PersonId last);
// `fresh`: persons that are made with the first operation that names them, in its transaction; those leave the set.
OperationId add_operation(Database& database, const PersonOperation& operation, std::set<PersonId>& fresh);
void visit_token_rows(Database& database, const std::function<void(const PersonToken&)>& visit);
void visit_operation_rows(Database& database, const std::function<void(const PersonOperation&)>& visit);
void mark_undone(Database& database, OperationId operation, bool is_undone);

}  // namespace mien
