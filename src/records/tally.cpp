#include "records/tally.h"

#include <fmt/format.h>

#include <algorithm>

namespace mien {
namespace {

constexpr std::size_t kReasonsMax = 3;  // kept an operation; a message with a number in it could differ each time

}  // namespace

void PlacementTally::add(const std::vector<Placement>& placements) {
  for (const Placement& placement : placements) {
    auto operation = std::find_if(operations_.begin(), operations_.end(),
                                  [&](const Operation& known) { return known.first.operation == placement.operation; });
    if (operation == operations_.end()) {
      operation = operations_.insert(operations_.end(), Operation{placement, 0, {}, {}});
    }
    ++operation->images;
    ++operation->ran[placement.ran];
    if (placement.reason && operation->reasons.size() < kReasonsMax) operation->reasons.insert(*placement.reason);
  }
}

std::string PlacementTally::reasons_text(const Operation& operation) {
  std::string text;
  for (const std::string& reason : operation.reasons) {
    if (!text.empty()) text += "; ";
    text += reason;
  }
  return text;
}

std::vector<Placement> PlacementTally::placements() const {
  std::vector<Placement> placements;
  for (const Operation& operation : operations_) {
    Placement placement = operation.first;
    if (operation.ran.size() > 1) placement.ran = "mixed";
    placement.reason.reset();
    if (!operation.reasons.empty()) placement.reason = reasons_text(operation);
    placements.push_back(std::move(placement));
  }
  return placements;
}

std::vector<std::string> PlacementTally::counts() const {
  std::vector<std::string> lines;
  for (const Operation& operation : operations_) {
    std::string line = operation.first.operation + ":";
    for (const auto& [backend, images] : operation.ran) {
      if (line.back() != ':') line += ",";
      line += fmt::format(" {} {} of {} images", backend, images, operation.images);
    }
    if (!operation.reasons.empty()) line += " (" + reasons_text(operation) + ")";
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace mien
