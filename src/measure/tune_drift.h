// How far other faces and embeddings are off those of `default`, on the same photos.
#pragma once

#include <vector>

#include "measure/bench_images.h"
#include "mien/tools/tune.h"

namespace mien {

using FacesOfPhotos = std::vector<std::vector<Face>>;

FacesOfPhotos look_at(const Engine& engine, const std::vector<BenchPhoto>& photos);

// Sets what `measured` says of faces and embeddings.
void measure_drift(const FacesOfPhotos& standard, const FacesOfPhotos& other, PrecisionMeasured& measured);

}  // namespace mien
