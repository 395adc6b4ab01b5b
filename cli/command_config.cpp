// config show, schema, reference. config init is in config_init.cpp.
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/config/config_document.h"

namespace spa {
namespace {

// Key, value and where it comes from.
std::string OriginTable(const LoadedConfig& loaded, bool all) {
  std::vector<std::vector<std::string>> rows = {{"KEY", "VALUE", "ORIGIN"}};
  for (const ConfigKey& key : ConfigKeys()) {
    const std::string& origin = loaded.origins.find(key.path)->second;
    if (!all && origin == "default") continue;
    rows.push_back(
        {std::string(key.path), GetValue(loaded.config, key, Secrets::kHidden).dump(), origin});
  }
  return RenderTable(rows);
}

}  // namespace

Result<ExitCode> CommandConfigShow(const Invocation& invocation) {
  const auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  const bool all = invocation.flags.defaults;
  if (invocation.flags.origin) return Print(OriginTable(*loaded, all));
  return Print(ConfigDocument(*loaded, all).dump(2) + '\n');
}

Result<ExitCode> CommandConfigSchema(const Invocation&) {
  return Print(ConfigSchema().dump(2) + '\n');
}

Result<ExitCode> CommandConfigReference(const Invocation&) { return Print(ConfigReference()); }

}  // namespace spa
