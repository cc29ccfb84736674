// What a scan and an index do alike before their loop and after it.
#pragma once

#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/scan.h"

namespace mien {

// 0 asked: one a core. Throws Exception(invalid_argument).
int choose_scan_threads(int asked);
// Throws Exception(invalid_argument) where the engine has none.
const ModelInfo& require_embedder(const Engine& engine);

// The options that decide what is said of an image, as text: equal where they are.
std::string analysis_terms(const Engine& engine, const AnalyzeOptions& analyze);
// Record::terms of such a text.
std::string terms_fingerprint(const std::string& terms);

// The first few of them, for messages.
std::string describe_sources(const std::vector<std::string>& sources);
// `where` names what was looked through.
[[noreturn]] void throw_no_images(const std::string& where, const std::vector<LeftOut>& left_out);

// The line that the guide has its readers look for, when a device did some of the work.
void log_device_work(const Engine& engine, const ScanSummary& summary);
// "GPU: face_detection; CPU: quality_checks (why)", where the CPU kept something that asked for the GPU where it pays.
// A GPU that was to be opened and failed is no choice.
std::string describe_choice(const Engine& engine, const ScanSummary& summary);

}  // namespace mien
