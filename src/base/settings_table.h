// The table of settings: a row a name. To add a setting, add a row and a field of Settings.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mien/settings.h"

namespace mien {

struct SettingRow {
  std::string name;      // upper case
  std::string standard;  // the default, as a user would write it
  std::string help;
  std::string allowed;  // completes "use ..."
  SettingKind kind = SettingKind::choice;
  // Takes the value over and returns its one spelling; nothing when the value is not allowed.
  std::function<std::optional<std::string>(Settings&, std::string_view)> set;
  // A value that is not allowed is an error; for names that other programs use as well, a warning,
  // and the default holds.
  bool warn_only = false;
  // Names a library or program that runs with the user's rights, or decides who may send images. The .env of the folder
  // one happens to work in may be a stranger's, so that it is not asked for these.
  bool needs_trust = false;
};

// In the order in which `mien config` prints them; a later row may change what an earlier one set.
// `backends` are the names that GPU_BACKEND may have besides "auto".
std::vector<SettingRow> setting_rows(const std::vector<std::string_view>& backends);
// load_settings() with these rows.
Settings load_settings(const SettingsSources& sources, const std::vector<std::string_view>& backends);

// Names that already start with it are not accepted with another one in front.
inline constexpr std::string_view kSettingPrefix = "MIEN_";

inline constexpr int kBatchSizeMax = 4096;
inline constexpr double kMemoryLimitGbMax = 1'000'000;
inline constexpr int kThreadsSettingMax = 1024;
inline constexpr int kQueueImagesMax = 100'000;
inline constexpr int kServiceMbMax = 1'000'000;
inline constexpr int kServiceMsMax = 60'000;
inline constexpr int kServiceSecondsMax = 3'600;
inline constexpr double kTimeLimitMax = 86'400;

}  // namespace mien
