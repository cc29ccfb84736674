// JSON that clients send, read within limits, and the numbers of answers, as short as they can be.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mien/result.h"

namespace mien::service {

// Error invalid_argument, which begins with `place`: no JSON, not UTF-8, or nested deeper than any protocol does.
Result<nlohmann::json> read_json(std::string_view text, std::string_view place);

// The shortest text that is read back as the same number.
void put_number(std::string& out, float value);
void put_number(std::string& out, double value);
// The nearest whole number. Halves go to the even one, as numpy's round has it.
long rounded(float value);
// Whether JSON has a word for each of them: it has none for infinity and for what is no number.
bool is_finite(const std::vector<float>& values);

}  // namespace mien::service
