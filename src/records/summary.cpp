// The numbers of a scan as JSON; docs/formats.md describes them.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "mien/scan.h"

namespace mien {

std::string summary_to_json(const ScanSummary& summary) {
  nlohmann::ordered_json result = {{"images", summary.images},           {"analyzed", summary.analyzed},
                                   {"resumed", summary.resumed},         {"gone", summary.gone},
                                   {"changed", summary.changed},         {"pruned", summary.pruned},
                                   {"duplicates", summary.duplicates},   {"failed", summary.failed},
                                   {"unavailable", summary.unavailable}, {"faces", summary.faces},
                                   {"poor_faces", summary.poor_faces},   {"matched_images", summary.matched_images}};
  result["left_out"] = nlohmann::ordered_json::object();
  for (const LeftOut& one : summary.left_out) result["left_out"][one.kind] = one.count;
  result["seconds"] = summary.seconds;
  result["threshold"] = nullptr;
  // A float's shortest text, and not 0.47799998521804810.
  if (summary.threshold) result["threshold"] = std::stod(fmt::format("{}", *summary.threshold));
  result["expected_false_matches"] = summary.expected_false_matches;
  result["interrupted"] = summary.interrupted;
  result["notes"] = summary.notes;
  return result.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace mien
