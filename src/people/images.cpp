#include "people/images.h"

#include <optional>
#include <utility>

namespace mien {
namespace {

// An image by itself takes about three times what it takes among all.
constexpr std::size_t kSingleReadsMax = 1000;

}  // namespace

const StoredImage& Images::at(ImageId id) const {
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  if (!is_all_ && ++single_reads_ > kSingleReadsMax) read_all();
  std::optional<StoredImage> image;
  if (!is_all_) image = store_.image(id);
  StoredImage gone;
  gone.id = id;
  gone.is_gone = true;
  return known_.try_emplace(id, image ? std::move(*image) : std::move(gone)).first->second;
}

void Images::read_all() const {
  store_.visit_images([&](StoredImage& image) { known_.try_emplace(image.id, std::move(image)); });
  is_all_ = true;
}

}  // namespace mien
