#include "people/vectors.h"

namespace mien {
FaceVectors read_face_vectors(const Store& store, const std::string& embedder_id) {
  FaceVectors read;
  read.embedder_id = embedder_id;
  if (embedder_id.empty()) return read;
  const auto count = static_cast<std::size_t>(store.count_vectors());
  store.visit_vectors(embedder_id, [&](const StoredVector& vector) {
    if (read.faces.empty()) read.rows.reserve(count * vector.half.size());
    read.dimension = static_cast<int>(vector.half.size());  // that of all
    read.faces.push_back(vector.face);
    read.rows.insert(read.rows.end(), vector.half.begin(), vector.half.end());
  });
  read.neighbours.resize(read.faces.size());
  store.visit_neighbours(embedder_id, [&, row = std::size_t{0}](const Store::FaceNeighbours& list) mutable {
    while (row < read.faces.size() && read.faces[row] < list.face) ++row;
    if (row < read.faces.size() && read.faces[row] == list.face) read.neighbours[row] = list.neighbours;
  });
  return read;
}

std::future<FaceVectors> read_face_vectors_ahead(const std::string& store_path) {
  return std::async(std::launch::async, [store_path] {
    const Store store({store_path, StoreOptions::Access::read});
    const std::vector<std::string> embedders = store.embedders();
    return read_face_vectors(store, embedders.empty() ? std::string() : embedders.front());
  });
}

}  // namespace mien
