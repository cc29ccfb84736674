// The images that go through the stages together: one on the CPU, several where a device takes part.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "image/decode.h"
#include "mien/engine.h"
#include "ops/device_pixels.h"
#include "pipeline/passes.h"

namespace mien {

// Memory of one image, used again for the next.
struct ItemMemory {
  DecodedImage decoded;
  Image upright;
  Image enhanced;
};

// Where an operation's work on one image was done.
struct StageNote {
  int on_device = 0;
  int on_cpu = 0;
  std::string reason;  // why the CPU had to do what the device was asked for
};

// A face between detection and the result.
struct ItemFace {
  Landmarks landmarks;  // in pixels of GroupItem::image
  Face face;            // in pixels of GroupItem::upright
};

struct DeviceWait;     // device/batcher.h
struct PendingPasses;  // over an image, on their way to a device and back (device_models.cpp)
struct PendingFaces;

// One image on its way through the stages.
struct GroupItem {
  std::size_t index = 0;                    // among the images of the call
  const AnalyzeOptions* options = nullptr;  // its own; null: those of the call
  std::shared_ptr<ItemMemory> memory;
  ImageView upright;
  ImageView image;  // what the detector sees: `upright`, or enhanced (without data while it is on a device alone)
  float enhancement = 1;
  bool always_enhance = false;    // where enhancement is asked for, whatever the size: for measuring it
  bool waits_for_device = false;  // however long it takes: for measuring it
  ImageOnDevice on_device;        // `image` on the device, where a stage needs it there
  ImageOnDevice upright_on_device;
  std::shared_ptr<DeviceWait> device_wait;  // null: nothing was handed in
  std::shared_ptr<PendingPasses> pending_passes;
  std::shared_ptr<PendingFaces> pending_faces;
  std::vector<DetectedFace> found;
  bool is_found = false;  // the CPU has found the faces, because the device would have come to them late
  std::vector<ItemFace> faces;
  Analysis analysis;
  std::optional<Error> error;  // then nothing more is done
  std::array<StageNote, kOperationCount> notes;

  StageNote& note(Operation operation) { return notes[index_of(operation)]; }
  const StageNote& note(Operation operation) const { return notes[index_of(operation)]; }
};

using Group = std::vector<GroupItem>;

}  // namespace mien
