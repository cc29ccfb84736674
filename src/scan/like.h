// Looking for one person: the photo, the threshold, and how far to trust what is found.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mien/engine.h"
#include "mien/scan.h"
#include "models/thresholds.h"

namespace mien {

// The analysis of one image, whoever does it.
using Analyze = std::function<Result<Analysis>(Bytes encoded, Workspace& workspace)>;

struct WantedPerson {
  ModelNames models;  // of the embedding
  std::vector<float> embedding;
  std::optional<PoorReason> poor_reason;
  float threshold = 0;             // cosine from which a face counts as a match
  bool is_poor = false;            // the face's recognition quality is below the floor
  bool compare_anyway = false;     // poor faces match by the threshold alone
  std::vector<std::string> notes;  // what the user should know
};

// The face of a photo. With several faces the largest is meant if it has at least twice the area of the next, which a
// note then says; a photo of a group is refused, because a wrong guess would look for a stranger.
// Throws Exception: not_found, io, limit_exceeded (the file); bad_data (no image); invalid_argument (no usable face,
// or nobody stands out).
WantedPerson read_wanted_person(const std::string& photo_path, const Analyze& analyze_with_embeddings,
                                std::size_t photo_bytes_max);

// What is to be said before the work begins of a photo whose face is poor; empty where there is nothing to say.
std::string poor_photo_warning(const WantedPerson& person, const std::string& photo_path);

// Fills in the record's matches and its best similarity. A poor face matches no poor photo. Throws
// Exception(invalid_argument) when the embeddings are not of one model.
void match_faces(const WantedPerson& person, Record& record);

}  // namespace mien
