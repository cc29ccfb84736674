// Immich's protocol as JSON: what a request asks for, and the answer. docs/immich.md describes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mien/face.h"
#include "service/http/http.h"

namespace mien::service {

// A request that is refused, with the status by which Immich's own service would.
struct ImmichRefusal {
  int status = 0;
  std::string message;
};

// What the part `entries` asks for.
struct ImmichAsk {
  std::string task;   // "facial-recognition", another one of Immich's, or empty: the size of the image alone
  std::string model;  // of faces
  std::optional<float> min_score;
  bool recognition = false;  // embeddings too

  bool is_faces() const { return task == kFaces; }
  static constexpr std::string_view kFaces = "facial-recognition";
};
// Throws ImmichRefusal, which names the place and what is allowed.
ImmichAsk read_entries(std::string_view json);

// The answer to a request for faces, or for the size alone. Faces without an embedding are left out where those are
// asked for.
std::string immich_answer(const ImmichAsk& ask, const Analysis& analysis);

// {"detail":...} as Immich's own service has it, beside what every error of ours has.
Response immich_error(int status, std::string_view message, std::string_view request_id);

}  // namespace mien::service
