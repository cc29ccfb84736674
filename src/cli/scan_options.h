// What `mien scan` and `mien index` take and show alike.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/scan_view.h"
#include "cli/terminal.h"
#include "mien/engine.h"
#include "mien/scan.h"
#include "mien/settings.h"

namespace mien::cli {

// --exclude.
void add_exclude_option(Arguments& arguments, std::vector<std::string>& excludes);
// --no-skip.
void add_no_skip_option(Arguments& arguments, bool& no_skip);
// --prune[=all].
void add_prune_option(Arguments& arguments, const std::string& help, Prune& prune);
// --rotations and --enhance.
void add_look_options(Arguments& arguments, AnalyzeOptions& analyze);

// Whether there are so many images that a runtime pays which compiles its models first. Counts no further than it has
// to.
bool has_many_images(const std::vector<std::string>& sources);

// Callbacks that keep the first failures, and show the progress where somebody looks.
ScanCallbacks watch_scan(Terminal& terminal, bool quiet, std::vector<Failure>& failures);

// Into the file of --summary, where one was named.
void write_summary(const std::string& path, const ScanSummary& summary);

// What a scan that was not interrupted ends with.
int exit_code_of(const ScanSummary& summary, bool failures_count);

// On a terminal the summary belongs to the lines above it; in a pipe, stdout is for records alone.
void show_summary(Terminal& terminal, const std::string& text);

}  // namespace mien::cli
