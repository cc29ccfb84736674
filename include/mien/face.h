// The results of mien for an image: faces, their quality, where each operation ran, how long it took.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/export.h"
#include "mien/result.h"
#include "mien/settings.h"

namespace mien {

// Pixels of the upright original; x to the right, y down; (0, 0) is the top-left corner.
struct Point {
  float x = 0;
  float y = 0;
};

struct Box {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
  float width() const { return x2 - x1; }
  float height() const { return y2 - y1; }
};

// Left eye, right eye, nose tip, left and right corner of the mouth, as the viewer sees them.
using Landmarks = std::array<Point, 5>;

// Degrees. Yaw: positive when the face turns to the viewer's right; pitch: positive when it looks up; roll: positive
// when the head leans clockwise. From five landmarks: an estimate, good to about ten degrees.
struct PoseAngles {
  float yaw = 0;
  float pitch = 0;
  float roll = 0;
};

struct Quality {
  double blur_score = 0;                  // variance of the 3x3 Laplacian of the gray image; larger is sharper
  double brightness = 0;                  // mean of the gray image, 0..255
  double contrast = 0;                    // standard deviation of the gray image, 0..127.5
  double sharpness = 0;                   // mean of sqrt(Sx^2 + Sy^2), 3x3 Sobel
  double overall_score = 0;               // 0..1, larger is better
  std::optional<double> occlusion_score;  // empty: not measured (no method with a published source is built in)
  std::optional<PoseAngles> pose_angles;  // empty when there are no landmarks
};

// Faces with a lower recognition quality are poor: their embeddings come near to one another whoever they show.
// docs/models.md says how the measure was fitted, and on what.
inline constexpr float kRecognitionFloor = 0.5F;

// What makes a face too poor to be told from other poor faces: the worst of it.
enum class PoorReason { too_small, too_blurred, too_dark, low_contrast };
// "too_small", ...: the code in records, C and Python.
MIEN_API std::string_view poor_reason_name(PoorReason reason);

struct Face {
  Box bbox;
  std::optional<Landmarks> landmarks;
  float det_score = 0;             // 0..1
  float scale = 1;                 // detector-input pixels per original pixel
  float enhancement_scale = 1;     // upscale applied before detection, 1 if none
  std::vector<float> embedding;    // as the model gives it, not normalised; empty when not asked for
  std::optional<Quality> quality;  // of the box clipped to the image; empty when not asked for
  // How far the face can be recognised, 0..1, larger is better; empty without landmarks.
  std::optional<float> recognition_quality;
  std::optional<PoorReason> poor_reason;  // set where recognition_quality is below kRecognitionFloor
  // 0, 90, 180 or 270: degrees clockwise that the face is turned in the upright original, as AnalyzeOptions::rotations
  // found it. Its landmarks are the face's own: the eye first that is left when it stands upright.
  int rotation = 0;
  float face_width() const { return bbox.width(); }
  float face_height() const { return bbox.height(); }
};

// Where one operation ran, proved by what the runtime reports, with the reason when that differs from the request.
struct Placement {
  std::string operation;  // face_detection, ...
  std::string requested;  // cpu, gpu or require
  std::string ran;        // the backend's name, or "mixed"
  std::string runtime;    // onnxruntime 1.31.1, or "mien" for our own kernels
  std::string device;     // the CPU's name
  std::optional<std::string> reason;
};

// Wall-clock milliseconds spent on one image.
struct Timings {
  double read = 0;
  double decode = 0;
  double enhance = 0;
  double detect = 0;
  double embed = 0;
  double quality = 0;
  double total = 0;
};

struct ModelNames {
  std::string detector;
  std::string embedder;
  // Whose embeddings these are: the first 16 digits of the model file's sha256, and how it is fed
  // ("87aacdfe57510db2-bgr-127.5-128"). Embeddings with different ids have nothing in common but their length.
  std::string embedder_id = {};
};

// Everything known about one image after its analysis.
struct Analysis {
  std::string format;  // "jpeg", "png"
  int width = 0;       // of the upright original
  int height = 0;
  std::string phash;  // 16 hex digits; empty when not asked for
  // When the photo was taken, as EXIF or else XMP states it: "2019-07-04T12:30:00", with "+02:00" behind it where the
  // zone is stated, or a part from the front ("1965-07"); empty: the file does not say.
  std::string taken;
  std::vector<Face> faces;         // by falling det_score
  std::optional<Quality> quality;  // of the whole image, when asked for
  ModelNames models;
  std::vector<Placement> placement;
  Timings timings_ms;
  Detail detail = Detail::off;  // how closely the photo was looked at
  std::vector<std::string> warnings;
};

// What can be said of two faces.
enum class Verdict { same, different, not_comparable, cannot_tell };
// "same", ...: the word in JSON, C and Python.
MIEN_API std::string_view verdict_name(Verdict verdict);
// Both faces poor: not_comparable. Else the threshold decides; below it, with a poor face among them: cannot_tell.
// A face of which no recognition quality is known counts as good, and with `compare_anyway` every face does.
MIEN_API Verdict judge_pair(const Face& a, const Face& b, float similarity, float threshold,
                            bool compare_anyway = false);

// Cosine similarity of two faces' embeddings, -1..1; 0 when either embedding is zero. Error: invalid_argument when a
// face is not there or has no embedding, or when the embeddings are of different models, which the message names.
MIEN_API Result<float> compare_faces(const Analysis& a, std::size_t face_a, const Analysis& b, std::size_t face_b);

}  // namespace mien
