// Settings, whose table has the names of the backends handed in: base knows no backend.
#include "base/settings_table.h"

namespace mien {

Settings load_settings(const SettingsSources& sources) { return load_settings(sources, backend_names()); }

}  // namespace mien
