// Asks a service how it is, as `mien health` does. No Boost: one request and the first line of its answer.
#pragma once

#include <string>

namespace mien::service {

// "HTTP/1.1 200 OK" of GET on http://HOST:PORT, with the path behind it or /healthz. Throws Exception: invalid_argument
// for what is no such address, io where nobody answers within a few seconds.
std::string first_line_of_answer(const std::string& url);

}  // namespace mien::service
