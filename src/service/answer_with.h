// Routes whose answer needs nothing of the request but that it came.
#pragma once

#include <functional>
#include <memory>

#include "service/chores.h"
#include "service/http/http.h"

namespace mien::service {

using Answer = std::function<Response(const Exchange& exchange)>;

// For Route::make. `chores`: the thread that makes the answer, where that takes time; null: it takes none.
std::function<std::unique_ptr<RequestHandler>(std::shared_ptr<Exchange>)> answer_with(Answer answer,
                                                                                      Chores* chores = nullptr);

}  // namespace mien::service
