// Animations that begin with frames that show nothing, as those that fade in do.
#pragma once

#include "image/decode.h"

namespace mien {

// Frames that are looked at on the way to one that shows something.
inline constexpr int kBlankFramesMax = 100;

// Whether the picture is of one colour, as near as an eye can tell.
bool is_blank(const Image& pixels);

void note_blank_frames(int blank, bool found, DecodedImage& out);

// Goes on from a blank first frame: `draw_next` draws the next one over it, and says false where there is none. Adds
// the warning that says what was used; nothing where the image has one frame.
template <typename DrawNext>
void draw_until_shown(DrawNext draw_next, DecodedImage& out) {
  int blank = 1;
  bool found = false;
  for (; !found && blank < kBlankFramesMax && draw_next(); blank += found ? 0 : 1) found = !is_blank(out.pixels);
  if (blank > 1 || found) note_blank_frames(blank, found, out);
}

}  // namespace mien
