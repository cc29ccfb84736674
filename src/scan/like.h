// Looking for one person: the photo, the threshold, and how far to trust what is found.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/scan.h"

namespace mien {

// The analysis of one image, whoever does it.
using Analyze = std::function<Result<Analysis>(Bytes encoded, Workspace& workspace)>;

struct WantedPerson {
  ModelNames models;  // of the embedding
  std::vector<float> embedding;
  float threshold = 0;             // cosine from which a face counts as a match
  std::vector<std::string> notes;  // what the user should know
};

// The face of a photo. With several faces the largest is meant if it has at least twice the area of the next, which a
// note then says; a photo of a group is refused, because a wrong guess would look for a stranger.
// Throws Exception: not_found, io, limit_exceeded (the file); bad_data (no image); invalid_argument (no usable face,
// or nobody stands out).
WantedPerson read_wanted_person(const std::string& photo_path, const Analyze& analyze_with_embeddings,
                                std::size_t photo_bytes_max);

// The threshold asked for, else the embedder's threshold for searching. Throws Exception(invalid_argument) for a number
// that is no cosine, or when the embedder's threshold is not known.
float choose_threshold(const ModelInfo& embedder, std::optional<float> asked);

// Fills in the record's matches and its best similarity. Throws Exception(invalid_argument) when the embeddings are not
// of one model.
void match_faces(const WantedPerson& person, Record& record);

// The share of strangers' faces that match at this threshold. Empty when the embedder's thresholds do not tell.
struct FalseMatchRate {
  std::optional<double> rate;
  std::string note;  // empty when the rate was measured at this very threshold
};
FalseMatchRate false_match_rate(const ModelInfo& embedder, float threshold);

}  // namespace mien
