// The log of what people said.
#pragma once

#include <functional>
#include <vector>

#include "mien/tools/store.h"
#include "store/sqlite.h"

namespace mien {

PersonId add_person_row(Database& database);
OperationId add_operation(Database& database, const PersonOperation& operation);
void visit_operation_rows(Database& database, const std::function<void(const PersonOperation&)>& visit);
void mark_undone(Database& database, OperationId operation, bool is_undone);

}  // namespace mien
