// The worker's protocol of the face crawlers as JSON: the fields of a request, and the answer. docs/crawler.md
// describes it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/engine.h"
#include "mien/face.h"
#include "mien/result.h"
#include "service/http/http.h"

namespace mien::service {

// The fields beside the images. Faces are never cut out, for no answer has a place for that: crop_faces and face_margin
// are read, so that what is wrong is said, and change nothing.
class CrawlerFields {
 public:
  // True: the part is one of the fields. Throws Exception(invalid_argument), which names the field and what is allowed.
  bool take(const Part& part);
  // Once all parts are there. Throws Exception(invalid_argument) for a field that is missing.
  void check() const;

  double quality_min() const { return quality_min_.value_or(0); }  // of the detector's score
  bool needs_face() const { return needs_face_; }
  const std::map<std::size_t, std::string>& hashes() const { return hashes_; }  // by the index of the image

 private:
  std::optional<double> quality_min_;
  bool needs_face_ = false;
  std::map<std::size_t, std::string> hashes_;
  std::vector<std::string> seen_;
};

// What was found in one image.
struct CrawlerImage {
  std::vector<Face> faces;
  std::optional<std::string> problem;  // why it has none
};

// Where a batch ran, and what is said of it beside its images.
struct CrawlerFacts {
  double processing_ms = 0;
  bool gpu_used = false;
  std::string worker_id;
};

// Whether an operation really ran on a GPU, in part at least. A GPU that is emulated on the CPU, whose name is among
// `emulated`, is none.
bool ran_on_gpu(const Analysis& analysis, const std::vector<std::string>& emulated);
// The names of those that are.
std::vector<std::string> emulated_gpus(const std::vector<DeviceStatus>& devices);
// Whether detection would go to a GPU that is one, and that has not just failed.
bool has_gpu(const std::vector<DeviceStatus>& devices);

// "PHASH" of "a/PHASH.jpg"; empty: there is no name.
std::string_view stem_of(std::string_view file_name);

// The hash of each image, by the names of their files (empty: none): that of image_hashes, or else the name. Throws
// Exception(invalid_argument) for an image that has neither.
std::vector<std::string> crawler_hashes(const CrawlerFields& fields, const std::vector<std::string>& file_names);

// The answer. Of several images with one hash it has the first that can be read.
std::string crawler_answer(const CrawlerFields& fields, const std::vector<std::string>& hashes,
                           const std::vector<CrawlerImage>& images, const CrawlerFacts& facts);

}  // namespace mien::service
