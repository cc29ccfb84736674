// The chunks of a PNG that libpng is not asked for: what they state beside the pixels. They are looked up in the file's
// bytes, wherever they stand.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "image/limits.h"
#include "image/stated_facts.h"
#include "mien/image.h"

namespace mien {

struct PngChunk {
  std::string_view name;
  Bytes data;
  Bytes checked;  // name and data
  std::uint32_t checksum = 0;
};

// Goes from chunk to chunk, as far as they lie in the file.
class PngChunks {
 public:
  explicit PngChunks(Bytes png);
  std::optional<PngChunk> next();

 private:
  Bytes rest_;
};

// eXIf, then EXIF and XMP as text: "XML:com.adobe.xmp", and the profiles that ImageMagick writes.
void state_png_facts(Bytes png, StatedFacts& stated);

// How many bits of a colour's sample are said to be significant (sBIT); 0: nothing is said.
int significant_png_bits(Bytes png);

// A frame of an animation as an image of its own, and its place on the canvas.
struct PngFrame {
  std::vector<std::uint8_t> png;
  StatedSize size;
  std::int64_t left = 0;
  std::int64_t top = 0;
};

// The frames of an animation behind its still image. The bytes must stay where they are.
class LaterPngFrames {
 public:
  explicit LaterPngFrames(Bytes png);
  // Empty after the last one, and where the file is broken.
  std::optional<PngFrame> next();

 private:
  std::optional<PngChunk> take();
  std::optional<PngFrame> begin_frame(const PngChunk& control) const;

  PngChunks chunks_;
  Bytes header_;
  Bytes palette_;
  std::optional<PngChunk> kept_;  // that was taken too early
  bool is_animation_ = false;
};

}  // namespace mien
