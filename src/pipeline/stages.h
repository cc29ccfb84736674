// The stages of an analysis. Each works on all images of a group that have no error; the device comes first, where one
// takes part, and the CPU does what is left.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>

#include "device/batcher.h"
#include "pipeline/state.h"

namespace mien {

void enhance_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);
void quality_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);

// How far each face can be recognised, as far as its pixels tell; add_norms() adds what its embedding tells. The device
// has no part in it, whoever embeds.
void recognition_stage(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
                       Group& group);
void add_norms(const Engine::State& engine, Analysis& analysis);

// Detection and embedding are in two halves, between which a device works: what it does not do, or not in time, the CPU
// does in the second. Embeddings of the CPU may still be missing then: see embed_waiting.
void begin_detect(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);
// For the images of a group for which the device has settled what was handed in: hands in what that calls for, tiles of
// closer looks, and says whether there was any. Then the group has to settle again.
bool look_closer(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);
void end_detect(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);
void begin_embed(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);
void end_embed(const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work, Group& group);

// Waits until the device has done the operation for the first `count` of a thread's images, the oldest first. As long
// as it has not, the CPU does those of all of them here that the device would come to last.
void settle(Operation operation, const Engine::State& engine, const AnalyzeOptions& options, Workspace::State& work,
            std::optional<Batcher::Caller>& caller, std::span<GroupItem* const> mine, std::size_t count);

// Embeds the faces that wait for it on the CPU. An error becomes the result of each of them.
void embed_waiting(const Engine::State& engine, const std::stop_token& stop, Workspace::State& work);

// ---- Stages by themselves, for measuring them. In an analysis they follow one another.

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
