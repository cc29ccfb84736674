// Whole files in, whole files out, for programs around the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mien/export.h"
#include "mien/result.h"

namespace mien {

// Errors: not_found; io (no permission, a folder, a pipe or device, a failing disk); limit_exceeded
// when the file holds more than bytes_max bytes, of which nothing is read then.
MIEN_API Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t bytes_max);

// A file that somebody named as an image. Beside read_file's it takes "-" and /dev/stdin, which are standard input and
// can be read once, and pipes among the process's own descriptors (/dev/fd/63). For an address (https://...) the error
// says what to do.
MIEN_API Result<std::vector<std::uint8_t>> read_named_file(const std::string& path, std::size_t bytes_max);
// "-", /dev/stdin or another name of it.
MIEN_API bool is_standard_input(const std::string& path);
// Whether it looks like the address of a page or file in a network, and no file has that name.
MIEN_API bool is_address(const std::string& path);

// With mode 0600, because our files hold faces; appears under its name only when it is complete. An
// existing file is replaced. Every failure is an Exception(io).
MIEN_API void write_private_file(const std::string& path, std::span<const std::uint8_t> bytes);

// Throws now what write_private_file would throw later, for programs that work long before they write. The file
// is not touched; one beside it is there for a moment.
MIEN_API void require_writable(const std::string& path);

// Whether both paths lead to one file, be it there or not.
MIEN_API bool is_one_file(const std::string& a, const std::string& b);

}  // namespace mien
