// The text that a person sees of a scan: a line an image, the progress line, the summary.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "mien/engine.h"
#include "mien/scan.h"

namespace mien::cli {

// One line without its newline, at most the terminal's width.
std::string record_line(const Terminal& terminal, const Record& record);

// "[####----] 120/1000  12.3 images/s  1:11 left", as much of it as the width holds.
std::string progress_line(const ScanProgress& progress, int width);

struct Failure {
  std::string source;
  Error error;
};

struct SummaryContext {
  const Engine& engine;
  const ScanOptions& options;
  std::vector<Failure> failures;  // the first few
};
inline constexpr std::size_t kFailuresShownMax = 5;

// "left out: 212 videos, 3 documents"
std::string left_out_line(const ScanSummary& summary);
// "models: NAME, licence MIT; NAME, licence MIT"
std::string models_line(const Engine& engine);

// Several lines, each wrapped to the width.
std::string summary_text(const ScanSummary& summary, const SummaryContext& context, int width);

}  // namespace mien::cli
