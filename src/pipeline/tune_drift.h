// How far a precision's faces and embeddings are off those of `default`, on the photos that are measured.
#pragma once

#include <vector>

#include "mien/engine.h"
#include "mien/tune.h"
#include "pipeline/bench_images.h"

namespace mien {

using FacesOfPhotos = std::vector<std::vector<Face>>;

FacesOfPhotos look_at(const Engine& engine, const std::vector<BenchPhoto>& photos);

// Fills in what PrecisionMeasured says of drift.
void measure_drift(const FacesOfPhotos& standard, const FacesOfPhotos& other, PrecisionMeasured& measured);

}  // namespace mien
