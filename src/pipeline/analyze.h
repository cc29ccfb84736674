// The whole flow, from bytes to faces.
#pragma once

#include <functional>
#include <span>

#include "pipeline/state.h"

namespace mien {

// How the files of an analysis are decoded.
DecodeOptions decoding_of(const Engine::State& engine);

// Sees an image in which faces were found, while its pixels are there: upright and in sRGB, whatever colours the
// analysis used. The embeddings of the faces may still be missing.
using OnFaces = std::function<void(std::size_t image, ImageView upright, std::span<const Face> faces)>;

// One result an image, in order. Faces of all images share embedding batches. After a stop, what is not complete is
// Error cancelled.
std::vector<Result<Analysis>> analyze_images(const Engine::State& engine, std::span<const Bytes> images,
                                             const AnalyzeOptions& options, Workspace::State& work,
                                             const BatchProgress& progress = {}, const OnFaces& on_faces = {});
Result<Analysis> analyze_pixels(const Engine::State& engine, const PixelView& pixels, const AnalyzeOptions& options,
                                Workspace::State& work);

// One embedding each of faces that are aligned already, 112 x 112: the device first, as for any face. Throws
// Exception(internal, cancelled, unavailable).
std::vector<std::vector<float>> embed_crops(const Engine::State& engine, std::span<const ImageView> crops,
                                            const std::stop_token& stop, Workspace::State& work);

// ---- Stages by themselves, for measuring them. In an analysis they follow one another.

// Adds the next image to a group; the pixels must outlive it.
void add_upright(Workspace::State& work, Group& group, ImageView upright);
// Whether the operation is a stage of an analysis.
bool has_stage(Operation operation);
// Runs the stages that an analysis runs before this operation.
void run_stages_before(Operation operation, const Engine::State& engine, const AnalyzeOptions& options,
                       Workspace::State& work, Group& group);
// Runs the stage alone: the device first where one takes part, then the CPU for what is left. The group's pixels on the
// device stay there until DeviceStages::release. Throws Exception.
void run_stage(Operation operation, const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
               Group& group);

}  // namespace mien
