// Memory of images that are done, for those that come: a thread with dozens of images of all sizes in work has for each
// what it needs, and takes no new pages from the system.
#pragma once

#include <cstddef>
#include <vector>

#include "mien/image.h"

namespace mien {

class SpareImages {
 public:
  // Keeps the image's memory for others; of more than `spares_max` the oldest goes.
  void give(Image image, std::size_t spares_max);
  // Lets go of the oldest, but for so many.
  void keep(std::size_t count);
  // An image whose memory is as large as that, and not much larger; an empty one where there is none.
  Image take(std::size_t bytes);

  // While it exists, Image::reset() on this thread takes memory from the spares, and gives back what does not fit.
  class Use {
   public:
    explicit Use(SpareImages& spares);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    SpareImages* before_;
  };
  // Those that are in use on this thread; null: none.
  static SpareImages* in_use();

 private:
  std::vector<Image> spares_;  // the oldest first
};

}  // namespace mien
