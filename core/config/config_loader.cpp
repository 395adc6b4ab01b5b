#include "core/config/config_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "core/config/config_value.h"
#include "core/http/url.h"

extern char** environ;

namespace spa {
namespace {

constexpr std::string_view kPrefix = "SHAREPOINT_AUDIT_";
// Variables of ours that are no keys: where the configuration file is.
constexpr std::string_view kConfigVariable = "SHAREPOINT_AUDIT_CONFIG";

tl::unexpected<Error> UnknownKey(std::string_view path, std::string_view where,
                                 std::string_view nearest) {
  return Fail(ErrorCode::kUsage, fmt::format("{} in {} is no known key", path, where),
              fmt::format("did you mean {}?", nearest));
}

// Parses the file's text; a key that stands twice in one object is an error, because JSON readers
// disagree on which of the two counts.
Result<OrderedJson> ParseFile(const std::string& file, const std::string& text) {
  std::vector<std::set<std::string>> seen;
  std::string twice;
  const auto watch = [&](int, OrderedJson::parse_event_t event, OrderedJson& parsed) {
    if (event == OrderedJson::parse_event_t::object_start) seen.emplace_back();
    if (event == OrderedJson::parse_event_t::object_end) seen.pop_back();
    if (event == OrderedJson::parse_event_t::key && twice.empty() &&
        !seen.back().insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  try {
    OrderedJson root =
        OrderedJson::parse(text, watch, /*allow_exceptions=*/true, /*ignore_comments=*/true);
    if (!twice.empty()) {
      return Fail(ErrorCode::kUsage, fmt::format("{} has the key \"{}\" twice", file, twice),
                  "keep one of the two");
    }
    if (!root.is_object()) {
      return Fail(ErrorCode::kUsage, fmt::format("{} holds no JSON object", file),
                  "see `sharepoint-audit config init` for a template");
    }
    return root;
  } catch (const OrderedJson::parse_error& error) {
    const std::string_view before = std::string_view(text).substr(0, error.byte);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    return Fail(ErrorCode::kUsage, fmt::format("{} is no valid JSON at line {}", file, line),
                "look for a missing comma, quote or brace there");
  }
}

bool IsSection(std::string_view path) {
  const std::string start = std::string(path) + '.';
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.path.starts_with(start)) return true;
  }
  return false;
}

// The sections that keys stand in: "auth", "cache.redis", …
std::set<std::string, std::less<>> Sections() {
  std::set<std::string, std::less<>> sections;
  for (const ConfigKey& key : ConfigKeys()) {
    for (std::size_t dot = key.path.find('.'); dot != key.path.npos;
         dot = key.path.find('.', dot + 1)) {
      sections.emplace(key.path.substr(0, dot));
    }
  }
  return sections;
}

std::string NearestName(const std::string& path, bool is_object) {
  if (!is_object) return std::string(NearestConfigKey(path));
  std::string nearest;
  std::size_t fewest = std::string::npos;
  for (const std::string& section : Sections()) {
    if (const std::size_t edits = EditDistance(path, section); edits < fewest) {
      fewest = edits;
      nearest = section;
    }
  }
  return nearest;
}

class Loading {
 public:
  explicit Loading(const ConfigSources& sources) : sources_(sources) {
    for (const ConfigKey& key : ConfigKeys()) loaded_.origins[std::string(key.path)] = "default";
  }

  Result<LoadedConfig> Run() {
    if (auto done = File(); !done) return Fail(done.error());
    if (auto done = Environment(); !done) return Fail(done.error());
    if (auto done = Flags(); !done) return Fail(done.error());
    Config& config = loaded_.config;
    if (config.graph.user_agent.empty()) {
      config.graph.user_agent = DefaultUserAgent(config.tenant_url);
    }
    return std::move(loaded_);
  }

 private:
  Status File() {
    if (sources_.file.empty()) return {};
    auto root = ParseFile(sources_.file, sources_.file_text);
    if (!root) return Fail(root.error());
    return Section("", *root);
  }

  Status Section(const std::string& prefix, const OrderedJson& object) {
    for (const auto& [name, value] : object.items()) {
      const std::string path = prefix + name;
      if (path == "$schema") continue;  // For editors.
      if (const ConfigKey* key = FindConfigKey(path)) {
        if (value.is_null()) continue;
        if (auto done = Set(*key, value, sources_.file, "file " + sources_.file); !done)
          return done;
      } else if (!IsSection(path)) {
        return UnknownKey(path, sources_.file, NearestName(path, value.is_object()));
      } else if (value.is_object()) {
        if (auto done = Section(path + '.', value); !done) return done;
      } else if (!value.is_null()) {
        return Fail(ErrorCode::kUsage,
                    fmt::format("{} in {} is a {}", path, sources_.file, value.type_name()),
                    "give an object with keys in it");
      }
    }
    return {};
  }

  Status Environment() {
    for (const ConfigKey& key : ConfigKeys()) {
      for (const std::string& name : {EnvironmentName(key.path), std::string(key.azure)}) {
        const auto found = sources_.environment.find(name);
        if (name.empty() || found == sources_.environment.end() || found->second.empty()) continue;
        auto done = Set(key, ValueFromText(key, found->second), "environment variable " + name,
                        "environment " + name);
        if (!done) return done;
        break;
      }
    }
    return UnknownVariables();
  }

  // Without "__" a variable is refused only where it nearly spells a key: platforms make up
  // variables of their own from a service's name (SHAREPOINT_AUDIT_PORT, …_SERVICE_HOST).
  Status UnknownVariables() {
    for (const auto& [name, value] : sources_.environment) {
      if (!name.starts_with(kPrefix) || name == kConfigVariable) continue;
      std::string_view nearest;
      std::size_t fewest = std::string::npos;
      for (const ConfigKey& key : ConfigKeys()) {
        const std::size_t edits = EditDistance(name, EnvironmentName(key.path));
        if (edits < fewest) {
          fewest = edits;
          nearest = key.path;
        }
      }
      if (fewest == 0) continue;
      const bool ours = name.find("__", kPrefix.size()) != name.npos || fewest <= 2;
      if (!ours) continue;
      return Fail(ErrorCode::kUsage,
                  fmt::format("the environment variable {} names no known key", name),
                  fmt::format("did you mean {}?", EnvironmentName(nearest)));
    }
    return {};
  }

  Status Flags() {
    for (const auto& [path, text] : sources_.flags) {
      const ConfigKey* key = FindConfigKey(path);
      if (key == nullptr) return Fail(ErrorCode::kInternal, "a flag for the unknown key " + path);
      const std::string flag(key->flag);
      if (auto done = Set(*key, ValueFromText(*key, text), "flag " + flag, "flag " + flag); !done) {
        return done;
      }
    }
    return {};
  }

  Status Set(const ConfigKey& key, const OrderedJson& value, const std::string& where,
             std::string origin) {
    if (auto done = SetValue(loaded_.config, key, value, where); !done) return done;
    loaded_.origins[std::string(key.path)] = std::move(origin);
    return {};
  }

  const ConfigSources& sources_;
  LoadedConfig loaded_;
};

}  // namespace

Status ReadConfigFile(const std::string& path, ConfigSources& sources) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.bad()) {
    return Fail(ErrorCode::kUsage,
                fmt::format("the configuration file {} cannot be read: {}", path,
                            errno != 0 ? std::strerror(errno) : "is it a directory?"),
                "check the path, or make one with `sharepoint-audit config init`");
  }
  sources.file = path;
  sources.file_text = text.str();
  return {};
}

std::map<std::string, std::string> ProcessEnvironment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const std::size_t equals = text.find('='); equals != text.npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

Result<LoadedConfig> LoadConfig(const ConfigSources& sources) { return Loading(sources).Run(); }

std::string DefaultUserAgent(std::string_view tenant_url) {
  const Url url = SplitUrl(tenant_url);
  const bool named = url.valid && !IsLoopbackHost(url.host);
  const std::string tenant = named ? url.host.substr(0, url.host.find('.')) : "local";
  return fmt::format("NONISV|{}|sharepoint-audit/{}", tenant, SPA_VERSION);
}

}  // namespace spa
