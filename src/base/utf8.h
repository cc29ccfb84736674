// Text from outside (file names above all) may hold any bytes; JSON and HTML hold UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace mien {

// As the Unicode standard defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text);
// For display: each maximal part that is not UTF-8 becomes one U+FFFD. Valid text comes back
// unchanged.
std::string replace_invalid_utf8(std::string_view text);
// For messages of one line: each control character of ASCII becomes the replacement.
std::string replace_controls(std::string_view text, char replacement = '?');

}  // namespace mien
