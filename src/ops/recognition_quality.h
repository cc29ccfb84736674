// How far a face can be recognised, from what an embedder sees of it.
#pragma once

#include "mien/face.h"
#include "mien/image.h"

namespace mien {

// What is measured of an aligned face and its place in the photo; the method is at the definitions.
struct RecognitionMeasures {
  double resolution = 0;         // the frequency to which detail reaches where it is the most blurred, cycles a pixel
  double contrast = 0;           // levels of gray, without noise
  double relative_contrast = 0;  // as a share of the brightness
  double noise = 0;              // as a share of all variance
  double flatness = 0;           // how much of all change is in few edges, as in mosaic
  double exposed = 0;            // the share of pixels that are not blown out
  double size = 0;               // pixels between the eyes, in the photo as it came
  double brightness = 0;         // mean gray
};

struct RecognitionQuality {
  float value = 0;  // 0..1
  PoorReason worst = PoorReason::too_blurred;
};

// The numbers of an embedder whose embeddings are the shorter, the less it recognises (the idea of MagFace, Meng et al.
// 2021). An embedding of length `half` halves the quality of a face that is perfect otherwise.
struct NormScale {
  double half = 0;
  double slope = 0;
};

// `aligned`: 112 x 112 gray values, as warp_aligned_gray() makes them. `size`: see RecognitionMeasures.
RecognitionMeasures measure_recognition(ImageView aligned, double size);
RecognitionQuality assess_recognition(const RecognitionMeasures& measures);
// The quality when the length of the embedding is known too.
float add_norm(float quality, double norm, const NormScale& scale);

}  // namespace mien
