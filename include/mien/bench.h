// Measuring the whole path in this process: the same code that a scan runs.
#pragma once

#include <string>
#include <vector>

#include "mien/engine.h"

namespace mien {

struct PipelineBenchOptions {
  std::string images_dir;
  int passes = 3;
  int limit = 0;          // images at most; 0: all
  std::string dump_path;  // {file: [[x1, y1, x2, y2, score, embedding], ...]}; empty: none
  bool floor = true;      // also run the bare sessions on the same inputs
  AnalyzeOptions analyze;
};

struct PipelineBenchImage {
  std::string file;
  int faces = 0;
  double cpu_ms = 0;  // minimum over the passes
  double wall_ms = 0;
  double floor_cpu_ms = 0;   // bare sessions on the same inputs, minimum
  double decode_cpu_ms = 0;  // bare decode, minimum
};

struct PipelineBenchResult {
  std::vector<PipelineBenchImage> images;
  Timings stages_ms;  // mean over images of the fastest pass
  double peak_rss_mb = 0;
  double first_result_ms = 0;  // from the process's start to the first analysis
};

MIEN_API PipelineBenchResult bench_pipeline(const Engine& engine, const PipelineBenchOptions& options);

}  // namespace mien
