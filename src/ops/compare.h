// How alike two faces are. The public compare_faces() of mien/face.h is the way there: it knows whose embeddings it
// has.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mien/face.h"

namespace mien {

// -1..1; 0 when either is zero. For two embeddings of one model: of equal length.
float cosine_similarity(const std::vector<float>& a, const std::vector<float>& b);

// Whether it has an embedding that says something: finite, and not zero.
bool has_usable_embedding(const Face& face);
// The largest face with such an embedding in a photo, named in texts as `shown`, that is to show one person; null:
// there is none. A note says where there are others. Throws Exception(invalid_argument) where it does not have twice
// the area of the next.
const Face* find_largest_face(std::span<const Face> faces, const std::string& shown, std::vector<std::string>& notes);

// Whether its recognition quality is known and below the floor.
bool is_poor(const Face& face);
// What judge_pair says of two faces of which so much is known.
Verdict judge(bool is_a_poor, bool is_b_poor, float similarity, float threshold);
// The other way round than poor_reason_name(); empty: no reason has this name.
std::optional<PoorReason> poor_reason_from_name(std::string_view name);

// Why embeddings of these two cannot be compared: invalid_argument, naming both models. Empty when they can.
std::optional<Error> refuse_comparison(const ModelNames& a, const ModelNames& b);

}  // namespace mien
