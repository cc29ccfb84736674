// The analysis of a few images as a scan does it that is asked for crops.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "pipeline/analyze.h"

namespace mien::test {

// One result an image, in order; `on_faces` sees the pixels.
inline std::vector<Result<Analysis>> analyze_shown(const Engine::State& engine, std::span<const Bytes> images,
                                                   const AnalyzeOptions& options, Workspace::State& work,
                                                   OnFaces on_faces) {
  std::vector<Result<Analysis>> results;
  std::size_t given = 0;
  ImageStream stream;
  stream.next = [&](std::optional<std::chrono::milliseconds>) {
    return given < images.size() ? std::optional(images[given++]) : std::nullopt;
  };
  stream.on_result = [&](std::size_t, Result<Analysis> result) { results.push_back(std::move(result)); };
  stream.on_faces = std::move(on_faces);
  analyze_stream(engine, options, work, stream);
  return results;
}

}  // namespace mien::test
