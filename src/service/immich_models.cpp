#include "service/immich_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "mien/catalog.h"

namespace mien::service {
namespace {

[[noreturn]] void fail(const std::string& problem) {
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("MIEN_IMMICH (--immich): {}: use NAME=DETECTOR+EMBEDDER, for example "
                              "buffalo_l=centerface+fr_feature",
                              problem));
}

// Where the plus stands: the one whose both sides are models, where there are several.
std::size_t find_plus(std::string_view models, const std::function<bool(const std::string&)>& exists) {
  const std::size_t first = models.find('+');
  for (std::size_t plus = first; plus != std::string_view::npos; plus = models.find('+', plus + 1)) {
    if (exists(std::string(models.substr(0, plus))) && exists(std::string(models.substr(plus + 1)))) return plus;
  }
  return first;
}

ImmichName read_name(std::string_view text, const std::function<bool(const std::string&)>& exists) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) fail(fmt::format("'{}' has no name", text));
  const std::string_view models = text.substr(equals + 1);
  const std::size_t plus = find_plus(models, exists);
  if (plus == std::string_view::npos || plus == 0 || plus + 1 == models.size()) {
    fail(fmt::format("'{}' does not say which detector and which embedder", text));
  }
  return {std::string(text.substr(0, equals)), std::string(models.substr(0, plus)),
          std::string(models.substr(plus + 1))};
}

// Whether a setting's text names this model.
bool is_model(const ModelInfo& model, const std::string& text) { return text == model.name || text == model.path; }

std::function<bool(const std::string&)> model_test(const Settings& settings) {
  std::set<std::string> names;
  for (const CatalogEntry& entry : list_models(settings)) {
    names.insert(entry.model.name);
    names.insert(entry.packs.begin(), entry.packs.end());
  }
  return [names = std::move(names)](const std::string& text) {
    std::error_code ignored;
    return names.contains(text) || std::filesystem::is_regular_file(text, ignored);
  };
}

void check_dimension(const std::string& name, const Engine& engine) {
  if (engine.embedder()->dimension == kImmichDimension) return;
  fail(fmt::format("{}: the vectors of {} have {} numbers, and Immich's database takes {}", name,
                   engine.embedder()->name, engine.embedder()->dimension, kImmichDimension));
}

}  // namespace

std::vector<ImmichName> read_immich_names(std::string_view text,
                                          const std::function<bool(const std::string&)>& exists) {
  std::vector<ImmichName> names;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const ImmichName name = read_name(text.substr(0, comma), exists);
    if (std::any_of(names.begin(), names.end(), [&](const ImmichName& other) { return other.name == name.name; })) {
      fail(fmt::format("'{}' is said twice", name.name));
    }
    names.push_back(name);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return names;
}

ImmichModels::ImmichModels(const std::shared_ptr<const Engine>& engine) {
  const Settings& settings = engine->options().settings;
  for (const ImmichName& name : read_immich_names(settings.immich, model_test(settings))) add(engine, name);
  add_packs(engine);
}

void ImmichModels::add(const std::shared_ptr<const Engine>& engine, const ImmichName& name) {
  std::shared_ptr<const Engine> own;
  std::vector<std::shared_ptr<const Engine>> opened = others();
  opened.push_back(engine);
  for (const std::shared_ptr<const Engine>& one : opened) {
    if (is_model(one->detector(), name.detector) && is_model(*one->embedder(), name.embedder)) own = one;
  }
  if (!own) {
    EngineOptions options = engine->options();
    options.detector = name.detector;
    options.embedder = name.embedder;
    own = std::make_shared<const Engine>(std::move(options));
  }
  check_dimension(name.name, *own);
  by_name_[name.name] = std::move(own);
}

// A pack whose models are here stands for itself. One that cannot be opened is its requests' error, not the service's.
void ImmichModels::add_packs(const std::shared_ptr<const Engine>& engine) {
  std::map<std::string, std::set<std::string>> roles;  // of what is installed
  for (const CatalogEntry& entry : list_models(engine->options().settings)) {
    for (const std::string& pack : entry.packs) {
      roles[pack];
      if (entry.installed) roles[pack].insert(entry.model.role);
    }
  }
  for (const auto& [pack, here] : roles) {
    if (by_name_.contains(pack)) continue;
    if (here.size() < 2) {
      why_not_[pack] = {ErrorCode::not_found,
                        fmt::format("the models of {} are not installed: run 'mien models pull {} --accept-license' "
                                    "and start the service again, or start it with --immich {}=centerface+fr_feature "
                                    "to use other models under that name",
                                    pack, pack, pack)};
      continue;
    }
    try {
      add(engine, {pack, pack, pack});
    } catch (const Exception& error) {
      why_not_[pack] = error.error();
    }
  }
}

Result<std::shared_ptr<const Engine>> ImmichModels::find(std::string_view name) const {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (const auto why = why_not_.find(name); why != why_not_.end()) return why->second;
  constexpr std::size_t kShownMost = 60;
  const std::string_view shown = name.substr(0, kShownMost);
  return Error{
      ErrorCode::not_found,
      fmt::format("no model is known by the name '{}': start the service with --immich "
                  "NAME=centerface+fr_feature, or choose buffalo_l in Immich after 'mien models pull buffalo_l "
                  "--accept-license'",
                  shown)};
}

std::vector<std::shared_ptr<const Engine>> ImmichModels::others() const {
  std::vector<std::shared_ptr<const Engine>> engines;
  for (const auto& [name, engine] : by_name_) {
    if (std::find(engines.begin(), engines.end(), engine) == engines.end()) engines.push_back(engine);
  }
  return engines;
}

}  // namespace mien::service
