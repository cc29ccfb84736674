// The protocol of Nextcloud's Face Recognition as JSON: which face a request means, and how faces are told.
// docs/nextcloud.md describes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mien/engine.h"
#include "mien/face.h"

namespace mien::service {

// The app judges faces by the numbers of dlib's models: those closer than 0.4 to each other (Euclidean distance) are
// one person's, and only those with a confidence of 0.99 and more are grouped, of at most 1.1.
class NextcloudScale {
 public:
  // `threshold`: the cosine above which two faces are closer than 0.4, as --nextcloud-threshold has it; empty: the
  // embedder's for searching. `score_least`: the detector's score from which on something is a face, 0..1. Throws
  // Exception(invalid_argument) for a text that is no number above 0 and below 1, and for an embedder without a
  // threshold.
  NextcloudScale(const std::string& threshold, const ModelInfo& embedder, float score_least);

  // That all vectors have.
  double length() const { return length_; }
  // 0.99 to 1.1 by the detector's score. Faces that are too poor to be told from other poor ones have less.
  double confidence(const Face& face) const;

 private:
  double length_ = 0;
  double score_least_ = 0;
};

// The largest picture that the app is asked to send, in pixels.
inline constexpr std::int64_t kNextcloudPixelsMax = std::int64_t{3840} * 2160;

// The box of the field `face`, in pixels. Throws Exception(invalid_argument), which names the place.
Box read_nextcloud_box(std::string_view json);

// The face that a box means: of those whose middle lies in the box, or in which the box's middle lies, the one with the
// largest intersection over union. Null: there is none. Faces whose embedding has no direction are passed over.
const Face* face_in_box(const Analysis& analysis, const Box& box);

// "photo.jpg" of "/tmp/a/photo.jpg". The name is shown to whoever sent it, and used for nothing else.
std::string_view base_name(std::string_view path);

// The answers. Faces whose embedding has no direction (zero or not finite) are left out.
std::string nextcloud_faces(std::string_view file_name, const Analysis& analysis, const NextcloudScale& scale);
// The face with the box that was asked for, which keeps the app's records of it.
std::string nextcloud_face(std::string_view file_name, const Box& box, const Face& face, const NextcloudScale& scale);

}  // namespace mien::service
