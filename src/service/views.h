// What commands of the program and routes of the service show in the same form.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "mien/catalog.h"
#include "mien/device.h"
#include "mien/scan.h"

namespace mien::service {

// By area; nothing where there is no face.
std::optional<std::size_t> largest_face(const Analysis& analysis);

// 'mien devices --json'.
nlohmann::ordered_json devices_view(const std::vector<BackendInfo>& backends, const Settings& settings);
// "cpu", "gpu", "auto" or "require".
std::string_view gpu_mode_name(GpuMode mode);

// 'mien models list --json'.
nlohmann::ordered_json models_view(const std::vector<CatalogEntry>& entries);

// 'mien quality --json', without the source.
nlohmann::ordered_json quality_view(const Record& record);

// A photo of a comparison: how many faces it has, and the one that is compared.
nlohmann::ordered_json compared_view(const Analysis& analysis, std::optional<std::size_t> face);
// Its verdict and similarity; all null without a verdict.
nlohmann::ordered_json verdict_view(std::optional<Verdict> verdict, float similarity);

}  // namespace mien::service
