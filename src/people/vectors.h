// What is largest of a store: the vectors of faces and their neighbours.
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <vector>

#include "mien/tools/store.h"

namespace mien {

struct FaceVectors {
  std::string embedder_id;
  int dimension = 0;
  std::vector<FaceId> faces;                       // ascending, a row each
  std::vector<std::uint16_t> rows;                 // faces.size() * dimension half floats
  std::vector<std::vector<Neighbour>> neighbours;  // of each row; empty: none are kept
};

FaceVectors read_face_vectors(const Store& store, const std::string& embedder_id);

// By a thread of its own, the vectors of the first embedder: it takes about as long as reading all the rest. get()
// throws what Store throws.
std::future<FaceVectors> read_face_vectors_ahead(const std::string& store_path);

}  // namespace mien
