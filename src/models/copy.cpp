#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/cancel.h"
#include "base/part_file.h"
#include "base/utf8.h"
#include "models/download.h"

namespace mien {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

}  // namespace

std::string part_facts_path(const std::string& part_path) { return part_path + ".info"; }

void copy_as_download(const Download& wanted) {
  std::ifstream source(wanted.url, std::ios::binary);
  if (!source) {
    throw Exception(ErrorCode::not_found, fmt::format("cannot read {}: {}", replace_invalid_utf8(wanted.url),
                                                      std::generic_category().message(errno)));
  }
  PartFile part(wanted.part_path);
  part.clear();
  std::vector<char> piece(kCopyBytes);
  const auto begin = std::chrono::steady_clock::now();
  while (source) {
    throw_if_stopped(wanted.stop);
    source.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    part.append(piece.data(), static_cast<std::size_t>(source.gcount()));
    if (part.size() > wanted.bytes_max) {
      throw Exception(ErrorCode::limit_exceeded,
                      fmt::format("{} holds more than {} bytes", replace_invalid_utf8(wanted.url), wanted.bytes_max));
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (wanted.on_progress) {
      wanted.on_progress(part.size(), wanted.size_bytes, static_cast<double>(part.size()) / (seconds.count() + 1e-9));
    }
  }
}

}  // namespace mien
