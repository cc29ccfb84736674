// How far other faces and embeddings are off those of `default`, on the same photos.
#pragma once

#include <vector>

#include "measure/bench_images.h"
#include "mien/engine.h"

namespace mien {

using FacesOfPhotos = std::vector<std::vector<Face>>;

FacesOfPhotos look_at(const Engine& engine, const std::vector<BenchPhoto>& photos);

struct Drift {
  int faces = 0;           // that both found and embedded
  int missed = 0;          // of those of a score over 0.6
  double cosine_mean = 1;  // of the two embeddings of a face
  double cosine_low = 1;   // the 5th percentile
};
Drift measure_drift(const FacesOfPhotos& standard, const FacesOfPhotos& other);

}  // namespace mien
