#include "store/forget.h"

#include "store/encode.h"

namespace mien {

ForgottenPerson forget_persons(Database& database, std::span<const PersonId> persons, std::span<const FaceId> faces) {
  (void)persons;
  (void)faces;
  throw Exception(ErrorCode::unsupported, "not yet: " + database.shown_path());
}

std::vector<FacePlace> read_suppressed(Database& database) {
  std::vector<FacePlace> places;
  Query query = database.prepare("suppressed", "SELECT sha256, box FROM suppressed ORDER BY sha256, box");
  while (query.step()) places.push_back({sha256_digits(query.blob(0)), box_of(query.blob(1))});
  return places;
}

void finish_forgetting(Database& database) { (void)database; }

}  // namespace mien
