// Operations of their own, without an engine's models. Those that an analysis does too are its stages, run on one
// image.
#include <fmt/format.h>

#include "base/log.h"
#include "image/encode.h"
#include "image/orientation.h"
#include "image/phash.h"
#include "mien/engine.h"
#include "ops/align.h"
#include "ops/crop.h"
#include "ops/enhance.h"
#include "ops/pixels.h"
#include "ops/quality.h"
#include "pipeline/analyze.h"
#include "pipeline/stages.h"
#include "pipeline/thumbnail.h"

namespace mien {
namespace {

constexpr int kCropJpegQuality = 95;
constexpr int kEnhancedJpegQuality = 95;
constexpr int kThumbnailJpegQuality = 85;

// Returns what `work` returns, or the error that it throws.
template <typename Work>
auto caught(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const Exception& error) {
    return error.error();
  }
}

// Hands the warnings on to whoever asked for them, else to the log: the results have no place for them.
Result<Done> decode(Bytes encoded, const InputOptions& input, const DecodeOptions& options, DecodedImage& decoded) {
  Result<Done> done = decode_image(encoded, options, decoded);
  if (!done) return done;
  for (const std::string& warning : decoded.warnings) {
    // Who asks for colours as stored need not hear that they are.
    if (!options.convert_colours && warning.starts_with("colour")) continue;
    if (input.on_warning) {
      input.on_warning(warning);
    } else {
      log(LogLevel::warning, warning);
    }
  }
  return done;
}

// Decodes the image and rotates it upright; the pixels live in `decoded` or `upright`.
Result<ImageView> decode_upright(Bytes encoded, const InputOptions& input, DecodedImage& decoded, Image& upright) {
  const Result<Done> done = decode(encoded, input, decode_options(input), decoded);
  if (!done) return done.error();
  return upright_view(decoded.pixels, decoded.orientation, upright);
}

// Runs the stage of an operation on a group of one image, and counts where. Throws Exception.
void run_alone(const InputOptions& input, Operation operation, const AnalyzeOptions& options, Workspace::State& work,
               Group& group) {
  Engine::State engine;  // of its parts, these stages use the device alone
  engine.device = input.device;
  run_stage(operation, engine, options, work, group);
  GroupItem& item = group.front();
  if (engine.device) {
    if (!item.error) engine.device->fetch_image(item);
    engine.device->release(group);
  }
  if (item.error) throw Exception(*item.error);
  if (engine.device) engine.device->count(operation, item.note(operation));
}

void enhance(const InputOptions& input, ImageView pixels, Image& out) {
  Workspace workspace;
  Group group;
  add_upright(workspace.state(), group, pixels);
  run_alone(input, Operation::image_enhancement, {.enhance = true}, workspace.state(), group);
  out = std::move(group.front().memory->enhanced);
}

// The quality of the whole, or of the box in it.
Quality assess(const InputOptions& input, ImageView pixels, const Box* bbox, const Landmarks* landmarks) {
  Workspace workspace;
  Group group;
  add_upright(workspace.state(), group, pixels);
  GroupItem& item = group.front();
  AnalyzeOptions options;
  options.face_quality = bbox != nullptr;
  options.image_quality = bbox == nullptr;
  if (bbox != nullptr) {
    Face& face = item.faces.emplace_back().face;
    face.bbox = *bbox;
    if (landmarks != nullptr) face.landmarks = *landmarks;
  }
  run_alone(input, Operation::quality_checks, options, workspace.state(), group);
  if (bbox != nullptr) return *item.faces.front().face.quality;
  if (landmarks != nullptr) item.analysis.quality->pose_angles = estimate_pose(*landmarks);
  return *item.analysis.quality;
}

}  // namespace

Result<EnhancedImage> enhance_image(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  if (!needs_enhancement(pixels->width, pixels->height)) {
    return EnhancedImage{{encoded.begin(), encoded.end()}, 1.0};
  }
  return caught([&]() -> Result<EnhancedImage> {
    Image enhanced;
    enhance(input, *pixels, enhanced);
    return EnhancedImage{encode_jpeg(enhanced, kEnhancedJpegQuality), enhancement_scale(pixels->width, pixels->height)};
  });
}

Result<std::vector<std::uint8_t>> crop_face(Bytes encoded, Box bbox, double margin, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  const PixelRect rect = clip_box(bbox, margin, pixels->width, pixels->height);
  if (rect.width <= 0 || rect.height <= 0) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("the box ({:.1f}, {:.1f}, {:.1f}, {:.1f}) lies outside the image of {}x{} pixels", bbox.x1,
                             bbox.y1, bbox.x2, bbox.y2, pixels->width, pixels->height)};
  }
  return encode_jpeg(pixels->crop(rect.x, rect.y, rect.width, rect.height), kCropJpegQuality);
}

Result<Image> align_face(const PixelView& pixels, const Landmarks& landmarks, int side) {
  constexpr int kSideMax = 4096;
  if (side < 1 || side > kSideMax || (side % kAlignedSide != 0 && side % 128 != 0)) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("a face cannot be aligned to {} pixels: use a multiple of {} or 128, at most {}", side,
                             kAlignedSide, kSideMax)};
  }
  const std::optional<Similarity> similarity = estimate_alignment(landmarks);
  if (!similarity) return Error{ErrorCode::invalid_argument, "a face cannot be aligned: its landmarks are one point"};
  Image converted;
  Image upright;
  const Result<ImageView> view = open_pixels(pixels, {}, converted);
  if (!view) return view.error();
  Image face;
  warp_square(upright_view(*view, pixels.orientation, upright), alignment_for_side(*similarity, side), side, face);
  return face;
}

Result<std::vector<std::uint8_t>> create_thumbnail(Bytes encoded, int width, int height, const InputOptions& input) {
  if (width < 1 || height < 1) {
    return Error{ErrorCode::invalid_argument, fmt::format("a thumbnail cannot have {}x{} pixels", width, height)};
  }
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  return caught([&]() -> Result<std::vector<std::uint8_t>> {
    Image thumbnail;
    make_thumbnail(input, *pixels, width, height, thumbnail);
    return encode_jpeg(thumbnail, kThumbnailJpegQuality);
  });
}

Result<std::string> compute_phash(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  DecodeOptions decoding = decode_options(input);
  decoding.convert_colours = false;
  const Result<Done> done = decode(encoded, input, decoding, decoded);
  if (!done) return done.error();
  return perceptual_hash_hex(perceptual_hash(decoded.pixels));
}

Result<ImageQuality> assess_quality(Bytes encoded, const InputOptions& input) {
  DecodedImage decoded;
  Image upright;
  const Result<ImageView> pixels = decode_upright(encoded, input, decoded, upright);
  if (!pixels) return pixels.error();
  return caught([&]() -> Result<ImageQuality> {
    return ImageQuality{pixels->width, pixels->height, assess(input, *pixels, nullptr, nullptr)};
  });
}

Result<ImageQuality> assess_quality(const PixelView& pixels, const Box* bbox, const Landmarks* landmarks,
                                    const InputOptions& input) {
  Image converted;
  Image upright;
  const Result<ImageView> view = open_pixels(pixels, {}, converted);
  if (!view) return view.error();
  const ImageView whole = upright_view(*view, pixels.orientation, upright);
  PixelRect part{0, 0, whole.width, whole.height};
  if (bbox != nullptr) part = clip_box(*bbox, 0.0, whole.width, whole.height);
  return caught([&]() -> Result<ImageQuality> {
    return ImageQuality{part.width, part.height, assess(input, whole, bbox, landmarks)};
  });
}

}  // namespace mien
