#include "core/config/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>

#include "core/http/url.h"

namespace spa {
namespace {

using namespace std::string_view_literals;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

bool IsGuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

bool IsDomain(std::string_view text) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
  };
  return text.find('.') != text.npos && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), allowed);
}

std::string WithoutTrailingSlash(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string(url);
}

// What is wrong with a text, or empty. May tidy the text.
struct Verdict {
  std::string fault;
  std::string remedy;
};

Verdict CheckUrl(std::string& text) {
  const Url url = SplitUrl(text);
  if (!url.valid) {
    return {"is not an absolute URL without user name", "give a URL like https://host"};
  }
  if (url.scheme == "http" && !IsLoopbackHost(url.host)) {
    return {"would send tokens without encryption", "use https:// (http:// is for loopback hosts)"};
  }
  text = WithoutTrailingSlash(text);
  return {};
}

Verdict CheckTenantUrl(std::string& text) {
  if (Verdict verdict = CheckUrl(text); !verdict.fault.empty()) return verdict;
  const Url url = SplitUrl(text);
  if (IsLoopbackHost(url.host)) return {};
  if (url.path != "/") {
    return {
        "is not the root of a tenant",
        fmt::format("give https://{} here and name single sites in target_sites", url.authority)};
  }
  const std::string_view first = std::string_view(url.host).substr(0, url.host.find('.'));
  for (const std::string_view suffix : {"-admin"sv, "-my"sv}) {
    if (first.ends_with(suffix)) {
      const std::string_view tenant = first.substr(0, first.size() - suffix.size());
      return {fmt::format("is the tenant's {} host", suffix.substr(1)),
              fmt::format("give https://{}{}", tenant, url.host.substr(first.size()))};
    }
  }
  return {};
}

Verdict CheckTenantId(std::string& text) {
  for (const std::string_view shared : {"common"sv, "organizations"sv, "consumers"sv}) {
    if (text == shared) {
      return {"names no single tenant", "give the directory (tenant) id of the app registration"};
    }
  }
  if (IsGuid(text) || IsDomain(text)) return {};
  return {"is neither a GUID nor a domain",
          "copy the directory (tenant) id of the app registration"};
}

Verdict CheckGuid(std::string& text) {
  if (IsGuid(text)) return {};
  return {"is not a GUID", "copy the application (client) id of the app registration"};
}

Verdict CheckRedisUrl(std::string& text) {
  constexpr std::array kSchemes = {"redis://"sv, "rediss://"sv, "redis+ring://"sv,
                                   "redis+cluster://"sv};
  for (const std::string_view scheme : kSchemes) {
    if (text.starts_with(scheme) && text.size() > scheme.size()) return {};
  }
  return {"is not a Redis URL",
          "start it with redis://, rediss://, redis+ring:// or redis+cluster://"};
}

Verdict CheckCacheStore(std::string& text) {
  if (text == "none" || text == "redis") return {};
  if (text.starts_with("disk:") && text.size() > 5) return {};
  if (text.starts_with("redis") && CheckRedisUrl(text).fault.empty()) return {};
  return {"names no kind of store", "give none, disk:PATH, redis or a Redis URL"};
}

Verdict CheckNamespace(std::string& text) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  if (text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed)) return {};
  return {"is no name", "give at most 64 letters, digits, '-', '_' and '.'"};
}

// Nothing that could begin another header or another address.
Verdict CheckMailAddress(std::string& text) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           "!#$%&'*+-/=?^_`{|}~."sv.find(c) != std::string_view::npos;
  };
  const std::size_t at = text.rfind('@');
  const std::string_view name = std::string_view(text).substr(0, at);
  const std::string_view domain = at == text.npos ? "" : std::string_view(text).substr(at + 1);
  const bool host = at == text.npos || (!domain.empty() && domain.front() != '.' &&
                                        domain.front() != '-' && domain.back() != '.');
  const auto in_domain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
  };
  if (text.size() <= 254 && !name.empty() && !name.starts_with('-') && host &&
      std::all_of(name.begin(), name.end(), allowed) &&
      std::all_of(domain.begin(), domain.end(), in_domain)) {
    return {};
  }
  return {"is no mail address", "give name@host alone, without a display name"};
}

Verdict CheckForm(TextForm form, std::string& text) {
  switch (form) {
    case TextForm::kAny:
      return {};
    case TextForm::kUrl:
      return CheckUrl(text);
    case TextForm::kTenantUrl:
      return CheckTenantUrl(text);
    case TextForm::kTenantId:
      return CheckTenantId(text);
    case TextForm::kGuid:
      return CheckGuid(text);
    case TextForm::kCacheStore:
      return CheckCacheStore(text);
    case TextForm::kRedisUrl:
      return CheckRedisUrl(text);
    case TextForm::kNamespace:
      return CheckNamespace(text);
    case TextForm::kMailAddress:
      return CheckMailAddress(text);
  }
  return {};
}

// "auto, 1.1 or 2"
std::string Choices(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

// "redis://user:secret@host" -> "redis://user:***@host"
std::string HidePassword(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == text.npos) return text;
  const std::size_t start = scheme + 3;
  const std::size_t end = text.find_first_of("/?#", start);
  const std::size_t at = text.substr(0, end).rfind('@');
  if (at == text.npos || at < start) return text;
  const std::size_t colon = text.find(':', start);
  const std::size_t from = colon < at ? colon + 1 : start;
  return text.substr(0, from) + "***" + text.substr(at);
}

// A value for an error sentence: short, quoted, and without secrets.
std::string Quoted(const ConfigKey& key, const OrderedJson& value) {
  if (key.is_secret()) return std::string("of type ") + value.type_name();
  const OrderedJson shown =
      value.is_string() ? OrderedJson(HidePassword(value.get<std::string>())) : value;
  std::string text = shown.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

tl::unexpected<Error> WrongType(const ConfigKey& key, const OrderedJson& value,
                                std::string_view where) {
  return RefuseValue(key, where, fmt::format("is {}", Quoted(key, value)),
                     "give " + Expectation(key));
}

Status CheckText(const ConfigKey& key, std::string& text, std::string_view where) {
  if (!key.one_of.empty() &&
      std::find(key.one_of.begin(), key.one_of.end(), text) == key.one_of.end()) {
    return WrongType(key, text, where);
  }
  const OrderedJson as_given = text;
  if (Verdict verdict = CheckForm(key.form, text); !verdict.fault.empty()) {
    return RefuseValue(key, where,
                       fmt::format("is {}, which {}", Quoted(key, as_given), verdict.fault),
                       std::move(verdict.remedy));
  }
  return {};
}

// The name of `known` that `name` most likely meant.
template <class Names, class NameOf>
std::string_view NearestOf(std::string_view name, const Names& known, NameOf name_of) {
  return name_of(*std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return EditDistance(name, name_of(a)) < EditDistance(name, name_of(b));
  }));
}

// The numbers of CacheKindConfig; `enabled` is the one member that is none.
struct KindNumber {
  std::string_view name;
  std::optional<int> CacheKindConfig::*value;
};
constexpr std::array kKindNumbers = {KindNumber{"max_entries", &CacheKindConfig::max_entries},
                                     KindNumber{"max_bytes", &CacheKindConfig::max_bytes},
                                     KindNumber{"ttl", &CacheKindConfig::ttl}};

Status SetKind(CacheKindConfig& kind, const ConfigKey& key, const std::string& name,
               const OrderedJson& values, std::string_view where) {
  const auto refuse = [&](const std::string& at, const OrderedJson& value,
                          std::string_view wanted) {
    return RefuseValue(key, where, fmt::format("has {} {}", at, Quoted(key, value)),
                       fmt::format("give {}", wanted));
  };
  if (!values.is_object()) return refuse(name, values, "an object like {\"ttl\": 3600}");
  for (const auto& [member, value] : values.items()) {
    const std::string at = name + '.' + member;
    if (member == "enabled") {
      if (!value.is_boolean()) return refuse(at, value, "true or false");
      kind.enabled = value.template get<bool>();
      continue;
    }
    const auto number = std::find_if(kKindNumbers.begin(), kKindNumbers.end(),
                                     [&](const KindNumber& row) { return row.name == member; });
    if (number == kKindNumbers.end()) {
      const auto nearest =
          NearestOf(member, kKindNumbers, [](const KindNumber& row) { return row.name; });
      const bool flag = EditDistance(member, "enabled") < EditDistance(member, nearest);
      return RefuseValue(key, where, fmt::format("has {}, which is no known key", at),
                         fmt::format("did you mean {}?", flag ? "enabled" : nearest));
    }
    if (!value.is_number_integer() || value < 1 || value > std::numeric_limits<int>::max())
      return refuse(at, value, "a whole number from 1 on");
    kind.*number->value = value.template get<int>();
  }
  return {};
}

OrderedJson KindJson(const CacheKindConfig& kind) {
  OrderedJson object = OrderedJson::object();
  if (kind.enabled) object["enabled"] = *kind.enabled;
  for (const KindNumber& row : kKindNumbers) {
    if (kind.*row.value) object[std::string(row.name)] = *(kind.*row.value);
  }
  return object;
}

}  // namespace

std::string Expectation(const ConfigKey& key) {
  using Kinds = std::map<std::string, CacheKindConfig>& (*)(Config&);
  if (!key.one_of.empty() && !std::holds_alternative<Kinds>(key.field)) return Choices(key.one_of);
  return std::visit(
      Overloaded{
          [](std::string& (*)(Config&)) -> std::string { return "a text"; },
          [](Secret& (*)(Config&)) -> std::string {
            return "a text, or \"env:NAME\" or \"file:PATH\" to name where it is kept";
          },
          [](bool& (*)(Config&)) -> std::string { return "true or false"; },
          [&](int& (*)(Config&)) -> std::string {
            if (key.max == std::numeric_limits<int>::max()) {
              return fmt::format("a whole number from {} on", key.min);
            }
            return fmt::format("a whole number from {} to {}", key.min, key.max);
          },
          [](std::vector<std::string>& (*)(Config&)) -> std::string { return "a list of texts"; },
          [](std::map<std::string, double>& (*)(Config&)) -> std::string {
            return "an object of numbers by name";
          },
          [](Kinds) -> std::string {
            return "an object of enabled, max_entries, max_bytes and ttl by kind";
          }},
      key.field);
}

tl::unexpected<Error> RefuseValue(const ConfigKey& key, std::string_view where,
                                  std::string_view fault, std::string remedy) {
  return Fail(ErrorCode::kUsage, fmt::format("{} in {} {}", key.path, where, fault),
              std::move(remedy));
}

Status SetValue(Config& config, const ConfigKey& key, const OrderedJson& value,
                std::string_view where) {
  Config defaults;
  const auto reset = [&](auto get) -> Status {
    get(config) = get(defaults);
    return {};
  };
  return std::visit(
      Overloaded{[&](std::string& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   if (!value.is_string()) return WrongType(key, value, where);
                   std::string text = value.get<std::string>();
                   if (text.empty()) return reset(get);
                   if (auto checked = CheckText(key, text, where); !checked) return checked;
                   get(config) = std::move(text);
                   return {};
                 },
                 [&](Secret& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   if (!value.is_string()) return WrongType(key, value, where);
                   get(config) = Secret(value.get<std::string>());
                   return {};
                 },
                 [&](bool& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   if (!value.is_boolean()) return WrongType(key, value, where);
                   get(config) = value.get<bool>();
                   return {};
                 },
                 [&](int& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   const bool fits =
                       value.is_number_unsigned()
                           ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(key.max) &&
                                 value.get<std::uint64_t>() >=
                                     static_cast<std::uint64_t>(std::max(key.min, 0))
                           : value.is_number_integer() && value.get<std::int64_t>() >= key.min;
                   if (!fits) return WrongType(key, value, where);
                   get(config) = value.get<int>();
                   return {};
                 },
                 [&](std::vector<std::string>& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   if (!value.is_array()) return WrongType(key, value, where);
                   std::vector<std::string> texts;
                   for (const OrderedJson& entry : value) {
                     if (!entry.is_string()) return WrongType(key, value, where);
                     std::string text = entry.get<std::string>();
                     if (auto checked = CheckText(key, text, where); !checked) return checked;
                     texts.push_back(std::move(text));
                   }
                   get(config) = std::move(texts);
                   return {};
                 },
                 [&](std::map<std::string, double>& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   if (!value.is_object()) return WrongType(key, value, where);
                   std::map<std::string, double> numbers;
                   for (const auto& [name, entry] : value.items()) {
                     if (!entry.is_number()) return WrongType(key, value, where);
                     numbers[name] = entry.template get<double>();
                   }
                   get(config) = std::move(numbers);
                   return {};
                 },
                 [&](std::map<std::string, CacheKindConfig>& (*get)(Config&)) -> Status {
                   if (value.is_null()) return reset(get);
                   if (!value.is_object()) return WrongType(key, value, where);
                   std::map<std::string, CacheKindConfig> kinds;
                   for (const auto& [name, entry] : value.items()) {
                     if (std::find(key.one_of.begin(), key.one_of.end(), name) ==
                         key.one_of.end()) {
                       const auto same = [](std::string_view text) { return text; };
                       return RefuseValue(
                           key, where, fmt::format("has {}, which is no kind", name),
                           fmt::format("did you mean {}?", NearestOf(name, key.one_of, same)));
                     }
                     auto set = SetKind(kinds[name], key, name, entry, where);
                     if (!set) return set;
                   }
                   get(config) = std::move(kinds);
                   return {};
                 }},
      key.field);
}

OrderedJson ValueFromText(const ConfigKey& key, std::string_view text) {
  const auto parsed = [&] { return OrderedJson::parse(text, nullptr, false); };
  return std::visit(
      Overloaded{[&](std::string& (*)(Config&)) -> OrderedJson { return text; },
                 [&](Secret& (*)(Config&)) -> OrderedJson { return text; },
                 [&](bool& (*)(Config&)) -> OrderedJson {
                   for (const std::string_view yes : {"true"sv, "1"sv, "yes"sv, "on"sv}) {
                     if (text == yes) return true;
                   }
                   for (const std::string_view no : {"false"sv, "0"sv, "no"sv, "off"sv}) {
                     if (text == no) return false;
                   }
                   return text;
                 },
                 [&](int& (*)(Config&)) -> OrderedJson {
                   std::int64_t number = 0;
                   const char* end = text.data() + text.size();
                   const auto read = std::from_chars(text.data(), end, number);
                   if (read.ec != std::errc() || read.ptr != end) return text;
                   if (number < 0) return number;
                   return static_cast<std::uint64_t>(number);
                 },
                 [&](std::vector<std::string>& (*)(Config&)) -> OrderedJson {
                   if (text.starts_with('[')) {
                     const OrderedJson list = parsed();
                     return list.is_discarded() ? OrderedJson(text) : list;
                   }
                   OrderedJson list = OrderedJson::array();
                   while (!text.empty()) {
                     const std::size_t comma = std::min(text.find(','), text.size());
                     std::string_view entry = text.substr(0, comma);
                     text.remove_prefix(std::min(comma + 1, text.size()));
                     while (entry.starts_with(' ')) entry.remove_prefix(1);
                     while (entry.ends_with(' ')) entry.remove_suffix(1);
                     if (!entry.empty()) list.push_back(entry);
                   }
                   return list;
                 },
                 [&](auto) -> OrderedJson {  // An object.
                   const OrderedJson object = parsed();
                   return object.is_discarded() ? OrderedJson(text) : object;
                 }},
      key.field);
}

OrderedJson GetValue(const Config& config, const ConfigKey& key, Secrets secrets) {
  Config copy = config;
  return std::visit(Overloaded{[&](std::string& (*get)(Config&)) -> OrderedJson {
                                 const std::string& text = get(copy);
                                 if (text.empty()) return nullptr;
                                 return secrets == Secrets::kHidden ? HidePassword(text) : text;
                               },
                               [&](Secret& (*get)(Config&)) -> OrderedJson {
                                 const Secret& secret = get(copy);
                                 if (secret.empty()) return nullptr;
                                 return secrets == Secrets::kHidden ? std::string("***")
                                                                    : secret.Reveal();
                               },
                               [&](std::map<std::string, CacheKindConfig>& (*get)(Config&)) {
                                 OrderedJson object = OrderedJson::object();
                                 for (const auto& [name, kind] : get(copy))
                                   object[name] = KindJson(kind);
                                 return object;
                               },
                               [&](auto get) -> OrderedJson { return get(copy); }},
                    key.field);
}

OrderedJson DefaultValue(const ConfigKey& key) { return GetValue(Config(), key, Secrets::kShown); }

}  // namespace spa
