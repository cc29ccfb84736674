// The JSON that Immich sends as `entries` -> what it asks for, and the answer to that.
#include <nlohmann/json.hpp>

#include "../target.h"
#include "base/utf8.h"
#include "service/immich.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  using namespace mien::service;
  ImmichAsk ask;
  try {
    ask = read_entries(fuzz::as_text({data, size}));
  } catch (const ImmichRefusal& refusal) {
    fuzz::require(refusal.status == 400 || refusal.status == 422, "a fault of the client");
    fuzz::require(!refusal.message.empty() && is_valid_utf8(refusal.message), "which is said");
    const nlohmann::json body = nlohmann::json::parse(immich_error(refusal.status, refusal.message, "id").body);
    fuzz::require(body["detail"] == refusal.message, "in whole");
    return 0;
  }
  fuzz::require(!ask.is_faces() || !ask.model.empty(), "faces are those of a model");
  fuzz::require(!ask.min_score || (*ask.min_score >= 0 && *ask.min_score <= 1), "a score is a share");
  fuzz::require(is_valid_utf8(ask.task) && is_valid_utf8(ask.model), "names are text");
  Analysis analysis;
  analysis.faces.resize(1);
  const nlohmann::json answer = nlohmann::json::parse(immich_answer(ask, analysis));
  fuzz::require(answer.contains("imageHeight") && answer.contains("imageWidth"), "the size is always said");
  return 0;
}
