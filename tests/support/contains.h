// Whether a text says something, for tests of messages.
#pragma once

#include <string>
#include <string_view>

namespace mien::test {

inline bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace mien::test
