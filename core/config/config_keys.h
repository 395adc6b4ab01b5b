// The table of configuration keys: one record per key of contract.md section 2. Parsing, error
// sentences, environment names, flags, `config show`, `config schema`, the template and the
// completion of flags all come from it. Adding a key is adding a record here and a field to Config.
#pragma once

#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/config.h"

namespace spa {

// What a text must look like.
enum class TextForm {
  kAny,
  kUrl,        // https://…, or http:// to a loopback host; kept without trailing slash
  kTenantUrl,  // kUrl that is the root of a tenant
  kTenantId,   // GUID or domain
  kGuid,
  kCacheStore,  // cache.l2
  kRedisUrl,
  kNamespace,    // cache.namespace: letters, digits, '-', '_', '.'
  kMailAddress,  // name@host, or a name that the local mail system knows
};

struct ConfigKey {
  using Field = std::variant<std::string& (*)(Config&), Secret& (*)(Config&), bool& (*)(Config&),
                             int& (*)(Config&), std::vector<std::string>& (*)(Config&),
                             std::map<std::string, double>& (*)(Config&),
                             std::map<std::string, CacheKindConfig>& (*)(Config&)>;

  std::string_view path;  // "auth.client_secret"
  Field field;
  std::string_view help;                          // One line, no full stop.
  std::string_view flag = {};                     // "--tenant-id"; empty: none, as for every secret
  std::string_view azure = {};                    // "AZURE_TENANT_ID"; read after our own variable
  TextForm form = TextForm::kAny;                 // Texts and lists of texts.
  std::span<const std::string_view> one_of = {};  // Texts, names of an object; empty: any.
  int min = 0, max = std::numeric_limits<int>::max();  // Numbers.

  bool is_secret() const { return std::holds_alternative<Secret& (*)(Config&)>(field); }
};

std::span<const ConfigKey> ConfigKeys();
const ConfigKey* FindConfigKey(std::string_view path);  // nullptr where there is none.

// "auth.client_secret" -> "SHAREPOINT_AUDIT_AUTH__CLIENT_SECRET"
std::string EnvironmentName(std::string_view path);

// The known path a mistyped one most likely meant: same last part, else fewest edits.
std::string_view NearestConfigKey(std::string_view path);

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
std::size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace spa
