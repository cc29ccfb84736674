#include "image/stated_facts.h"

#include <fmt/format.h>

#include <utility>

#include "image/exif.h"
#include "image/xmp.h"

namespace mien {

void StatedFacts::add(std::string_view where, std::optional<int> orientation) {
  if (!orientation) return;
  if (!orientation_) {
    orientation_ = orientation;
    where_ = where;
  } else if (*orientation != *orientation_ && contradiction_.empty()) {
    contradiction_ = fmt::format("orientation: {} says {} and {} says {}; {} counts", where_, *orientation_, where,
                                 *orientation, where_);
  }
}

void StatedFacts::add_exif(std::string_view where, Bytes block) {
  const ExifFacts facts = read_exif(block);
  add(where, facts.orientation);
  add(facts.times);
}

std::string StatedFacts::add_xmp(std::string_view where, Bytes packet) {
  if (keep_xmp_ && !packet.empty()) xmp_.emplace_back(packet.begin(), packet.end());
  XmpFacts facts = read_xmp(packet);
  add(where, facts.orientation);
  add(facts.times);
  if (problem_.empty() && !facts.problem.empty()) {
    problem_ = fmt::format("orientation: {} is not read: {}", where, facts.problem);
  }
  return std::move(facts.extension);
}

void StatedFacts::settle(DecodedImage& out) const {
  out.orientation = orientation_.value_or(1);
  out.orientation_stated = orientation_.has_value();
  out.taken = taken();
  settle_xmp(out);
  if (!contradiction_.empty()) out.warnings.push_back(contradiction_);
  if (!orientation_ && !problem_.empty()) out.warnings.push_back(problem_);
}

}  // namespace mien
