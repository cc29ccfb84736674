// The models that Immich's model names stand for. All are opened when the service starts: a request opens nothing, and
// no name of a client's ever reaches what takes paths.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mien/engine.h"
#include "mien/result.h"

namespace mien::service {

// Numbers of a vector that Immich's database takes for a face.
inline constexpr int kImmichDimension = 512;

// NAME=DETECTOR+EMBEDDER.
struct ImmichName {
  std::string name;
  std::string detector;
  std::string embedder;
};
// As MIEN_IMMICH has them, separated by commas. `exists` says whether a model is known by a text, or is a file: paths
// may hold a plus. Throws Exception(invalid_argument).
std::vector<ImmichName> read_immich_names(std::string_view text, const std::function<bool(const std::string&)>& exists);

class ImmichModels {
 public:
  // Shares `engine` where a name stands for its models. Throws what Engine throws, and Exception(invalid_argument).
  explicit ImmichModels(const std::shared_ptr<const Engine>& engine);

  // By what the operator said, else a pack of the catalogue that is installed. Error not_found: what to run or to say.
  Result<std::shared_ptr<const Engine>> find(std::string_view name) const;
  // Those beside the service's own.
  std::vector<std::shared_ptr<const Engine>> others() const;

 private:
  void add(const std::shared_ptr<const Engine>& engine, const ImmichName& name);
  void add_packs(const std::shared_ptr<const Engine>& engine);

  std::map<std::string, std::shared_ptr<const Engine>, std::less<>> by_name_;
  std::map<std::string, Error, std::less<>> why_not_;  // of packs
};

}  // namespace mien::service
