// The whole flow, from bytes to faces.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>

#include "pipeline/state.h"

namespace mien {

// How the files of an analysis are decoded.
DecodeOptions decoding_of(const Engine::State& engine);

// Sees an image in which faces were found, while its pixels are there: upright and in sRGB, whatever colours the
// analysis used. The embeddings of the faces may still be missing.
using OnFaces = std::function<void(std::size_t image, ImageView upright, std::span<const Face> faces)>;

// Images that come one by one, while others are in work.
struct ImageStream {
  // The next image; its bytes are read before the next is asked for. Waits so long for one, without a number until
  // there is one. Empty: there is none now, or there will be none any more.
  std::function<std::optional<Bytes>(std::optional<std::chrono::milliseconds> patience)> next;
  // The results in order, the first of image 0.
  std::function<void(std::size_t image, Result<Analysis> result)> on_result;
  OnFaces on_faces = {};
  // An image was looked at; its embeddings may still be missing.
  std::function<void(std::size_t image)> on_seen = {};
  // Results that may wait for others, so that the faces of several images share a batch on the CPU.
  std::size_t held_max = 1;
  // The options of the image that `next` gave last, which live until its result is there. Empty: those of the call.
  std::function<const AnalyzeOptions*()> options = {};
};

// Ends once there are no images any more. After a stop, what is not complete is Error cancelled. Throws what the
// stream's functions throw.
void analyze_stream(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
                    const ImageStream& stream);

// One result an image, in order. Faces of all images share embedding batches.
std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work,
                                             const BatchProgress& progress = {}, const OnFaces& on_faces = {});
Result<Analysis> analyze_pixels(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                                Workspace::State& work);

// One embedding each of faces that are aligned already, 112 x 112: the device first, as for any face. Throws
// Exception(internal, cancelled, unavailable).
std::vector<std::vector<float>> embed_crops(const Engine::State& engine, std::span<const ImageView> crops,
                                            const std::stop_token& stop, Workspace::State& work);

// Adds the next image to a group; the pixels must outlive it.
void add_upright(Workspace::State& work, Group& group, ImageView upright);

}  // namespace mien
