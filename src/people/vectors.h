// What is large of a store, read by threads of their own: the images, and the vectors of faces with their neighbours.
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <unordered_map>
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

using Images = std::unordered_map<ImageId, StoredImage>;

Images read_images(const Store& store);
FaceVectors read_face_vectors(const Store& store, const std::string& embedder_id);

// Each takes about as long as reading all the rest. Of vectors those of the first embedder. get() throws what Store
// throws.
std::future<Images> read_images_ahead(const std::string& store_path);
std::future<FaceVectors> read_face_vectors_ahead(const std::string& store_path);

}  // namespace mien
