// Pictures with "faces" of the tiny detector (red squares), and what the whole pipeline says of them on one device or
// another.
#pragma once

#include <string>
#include <vector>

#include "mien/engine.h"
#include "support/photos.h"
#include "support/tiny_models.h"

namespace mien::test {

// A detector and an embedder in a folder of their own.
class TinyEngineFiles {
 public:
  TinyEngineFiles();
  EngineOptions options(const Settings& settings) const;

 private:
  ScratchFolder folder_;
  std::string detector_;
  std::string embedder_;
};

// JPEG files of many sizes, large enough and small enough to be enhanced, gray ones among them.
std::vector<ByteVector> make_device_pictures(int count);

// Everything that an image can be asked.
AnalyzeOptions everything(bool enhance);

std::vector<Result<Analysis>> analyze_all(const Engine& engine, const std::vector<ByteVector>& pictures,
                                          const AnalyzeOptions& options);

// Waits until the device plans nothing more of what it was asked for.
void wait_until_prepared(const Engine& engine);

// How far a device may be off the CPU.
struct Tolerance {
  float box = 0;            // pixels
  float score = 0;          // of 0..1
  double quality = 1e-3;    // relative
  float embedding = 1e-4F;  // one minus the cosine
};

// Fails the test where two results differ by more, and names the image.
void expect_equal(const std::vector<Result<Analysis>>& found, const std::vector<Result<Analysis>>& expected,
                  const Tolerance& tolerance);

const Placement* find_placement(const Analysis& analysis, std::string_view operation);

}  // namespace mien::test
