#include "simulator/tenant_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <type_traits>

namespace spa {
namespace {

using nlohmann::json;

// One list of fields per struct: what the file may say, and where it goes.
template <class Visit>
void Fields(WireSpec& w, Visit&& visit) {
  visit("prefer_mode", w.prefer_mode);
  visit("prefer_ignored_drives", w.prefer_ignored_drives);
  visit("preference_applied", w.preference_applied);
  visit("require_prefer_helpers", w.require_prefer_helpers);
  visit("top", w.top);
  visit("delta_page", w.delta_page);
  visit("sites_page", w.sites_page);
  visit("drives_page", w.drives_page);
  visit("permissions_page", w.permissions_page);
  visit("members_page", w.members_page);
  visit("repeat_ancestors", w.repeat_ancestors);
  visit("duplicate_rate", w.duplicate_rate);
  visit("empty_page_rate", w.empty_page_rate);
  visit("empty_last_page", w.empty_last_page);
  visit("gone_at_page", w.gone_at_page);
  visit("gone_location", w.gone_location);
  visit("gone_code", w.gone_code);
  visit("deleted_page", w.deleted_page);
  visit("deleted_subtree", w.deleted_subtree);
  visit("unshared", w.unshared);
  visit("link_edits_told", w.link_edits_told);
  visit("library_scope_told", w.library_scope_told);
  visit("shared_changed", w.shared_changed);
  visit("shared_changed_on_folders", w.shared_changed_on_folders);
  visit("prefer_change_gone", w.prefer_change_gone);
  visit("delta_token_lifetime_changes", w.delta_token_lifetime_changes);
  visit("inherited_from", w.inherited_from);
  visit("deprecated_twins", w.deprecated_twins);
  visit("empty_roles_rate", w.empty_roles_rate);
  visit("no_aad_id_rate", w.no_aad_id_rate);
  visit("large_acl", w.large_acl);
  visit("permissions_404_rate", w.permissions_404_rate);
  visit("gzip", w.gzip);
  visit("token_lifetime", w.token_lifetime);
  visit("secret_expired", w.secret_expired);
  visit("admin_api", w.admin_api);
  visit("settings_in_value", w.settings_in_value);
  visit("sign_in_activity", w.sign_in_activity);
  visit("label_column", w.label_column);
  visit("roles", w.roles);
  visit("rest_refuses_401", w.rest_refuses_401);
  visit("separate_sharepoint_host", w.separate_sharepoint_host);
}

template <class Visit>
void Fields(FaultSpec& f, Visit&& visit) {
  visit("rate_429", f.rate_429);
  visit("rate_503", f.rate_503);
  visit("rate_502", f.rate_502);
  visit("rate_504", f.rate_504);
  visit("rate_500", f.rate_500);
  visit("rate_reset", f.rate_reset);
  visit("rate_reset_body", f.rate_reset_body);
  visit("rate_truncated", f.rate_truncated);
  visit("rate_html", f.rate_html);
  visit("rate_slow", f.rate_slow);
  visit("slow_ms", f.slow_ms);
  visit("latency_ms", f.latency_ms);
  visit("latency_jitter_ms", f.latency_jitter_ms);
  visit("retry_after", f.retry_after);
  visit("retry_after_seconds", f.retry_after_seconds);
  visit("batch_parts", f.batch_parts);
  visit("login", f.login);
  visit("units_per_minute", f.units_per_minute);
  visit("units_per_day", f.units_per_day);
  visit("directory_units_per_10s", f.directory_units_per_10s);
  visit("minute_ms", f.minute_ms);
}

template <class Visit>
void Fields(TenantSpec& s, Visit&& visit) {
  visit("seed", s.seed);
  visit("tenant_id", s.tenant_id);
  visit("client_id", s.client_id);
  visit("client_secret", s.client_secret);
  visit("federated_issuer", s.federated_issuer);
  visit("federated_subject", s.federated_subject);
  visit("host", s.host);
  visit("domain", s.domain);
  visit("initial_domain", s.initial_domain);
  visit("sites", s.sites);
  visit("personal_sites", s.personal_sites);
  visit("locked_sites", s.locked_sites);
  visit("archived_sites", s.archived_sites);
  visit("forbidden_sites", s.forbidden_sites);
  visit("missing_sites", s.missing_sites);
  visit("renamed_sites", s.renamed_sites);
  visit("channel_sites", s.channel_sites);
  visit("subsite_rate", s.subsite_rate);
  visit("subsite_unique_rate", s.subsite_unique_rate);
  visit("languages", s.languages);
  visit("libraries_per_site", s.libraries_per_site);
  visit("system_libraries", s.system_libraries);
  visit("library_unique_rate", s.library_unique_rate);
  visit("items", s.items);
  visit("folder_rate", s.folder_rate);
  visit("depth", s.depth);
  visit("odd_name_rate", s.odd_name_rate);
  visit("long_paths", s.long_paths);
  visit("lists_per_site", s.lists_per_site);
  visit("list_items", s.list_items);
  visit("list_unique_rate", s.list_unique_rate);
  visit("list_item_unique_rate", s.list_item_unique_rate);
  visit("unique_rate", s.unique_rate);
  visit("unshared_share", s.unshared_share);
  visit("direct_share", s.direct_share);
  visit("empty_acl_rate", s.empty_acl_rate);
  visit("big_acl_rate", s.big_acl_rate);
  visit("custom_level_rate", s.custom_level_rate);
  visit("anonymous_weight", s.anonymous_weight);
  visit("organization_weight", s.organization_weight);
  visit("users_weight", s.users_weight);
  visit("link_expired_rate", s.link_expired_rate);
  visit("link_expires_rate", s.link_expires_rate);
  visit("link_password_rate", s.link_password_rate);
  visit("link_no_download_rate", s.link_no_download_rate);
  visit("link_review_rate", s.link_review_rate);
  visit("existing_access_rate", s.existing_access_rate);
  visit("link_group_rate", s.link_group_rate);
  visit("users", s.users);
  visit("guest_rate", s.guest_rate);
  visit("disabled_rate", s.disabled_rate);
  visit("otp_guests", s.otp_guests);
  visit("groups", s.groups);
  visit("nested_group_rate", s.nested_group_rate);
  visit("m365_rate", s.m365_rate);
  visit("group_cycles", s.group_cycles);
  visit("group_chain", s.group_chain);
  visit("chain_users", s.chain_users);
  visit("large_groups", s.large_groups);
  visit("hidden_groups", s.hidden_groups);
  visit("deleted_groups", s.deleted_groups);
  visit("purged_groups", s.purged_groups);
  visit("directory_roles", s.directory_roles);
  visit("dynamic_group_rate", s.dynamic_group_rate);
  visit("sid_group_rate", s.sid_group_rate);
  visit("deleted_user_rate", s.deleted_user_rate);
  visit("everyone_rate", s.everyone_rate);
  visit("eeeu_rate", s.eeeu_rate);
  visit("foreign_eeeu", s.foreign_eeeu);
  visit("eeeu_admin_rate", s.eeeu_admin_rate);
  visit("app_grant_rate", s.app_grant_rate);
  visit("sharepoint_app_rate", s.sharepoint_app_rate);
  visit("sharing_capability", s.sharing_capability);
  visit("sharing_domain_mode", s.sharing_domain_mode);
  visit("sharing_domains", s.sharing_domains);
  visit("resharing_by_guests", s.resharing_by_guests);
  visit("site_sharing_off_rate", s.site_sharing_off_rate);
  visit("site_sharing_guests_rate", s.site_sharing_guests_rate);
  visit("site_sharing_existing_rate", s.site_sharing_existing_rate);
  visit("labels", s.labels);
  visit("site_label_rate", s.site_label_rate);
  visit("item_label_rate", s.item_label_rate);
  visit("stale_guest_rate", s.stale_guest_rate);
  visit("list_item_link_share", s.list_item_link_share);
  visit("own_items_rate", s.own_items_rate);
  visit("forged_link_group_rate", s.forged_link_group_rate);
  visit("orphan_link_group_rate", s.orphan_link_group_rate);
  visit("windows_everyone_rate", s.windows_everyone_rate);
  visit("wire", s.wire);
  visit("faults", s.faults);
}

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

template <class T>
bool Fits(const json& value) {
  if constexpr (std::is_same_v<T, bool>) return value.is_boolean();
  if constexpr (std::is_same_v<T, std::uint64_t>) return value.is_number_unsigned();
  if constexpr (std::is_integral_v<T>) return value.is_number_integer() && value >= 0;
  if constexpr (std::is_floating_point_v<T>) return value.is_number() && value >= 0;
  if constexpr (std::is_same_v<T, std::string>) return value.is_string();
  return value.is_array() && std::all_of(value.begin(), value.end(),
                                         [](const json& entry) { return entry.is_string(); });
}

template <class Spec>
Status Fill(Spec& spec, const json& object, const std::string& path, std::string_view where) {
  if (!object.is_object()) {
    return Fail(ErrorCode::kUsage, fmt::format("{}: '{}' must be an object", where, path));
  }
  Status status;
  std::vector<std::string> known;
  auto visit = [&](const char* name, auto& field) {
    using T = std::decay_t<decltype(field)>;
    known.emplace_back(name);
    if (!status || !object.contains(name)) return;
    const json& value = object.at(name);
    if constexpr (std::is_same_v<T, WireSpec> || std::is_same_v<T, FaultSpec>) {
      status = Fill(field, value, path + name + ".", where);
    } else if (!Fits<T>(value)) {
      status = Fail(ErrorCode::kUsage,
                    fmt::format("{}: '{}{}' cannot be {}", where, path, name, value.dump()));
    } else {
      field = value.get<T>();
    }
  };
  Fields(spec, visit);
  for (const auto& [key, value] : object.items()) {
    if (!status || std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto nearest = *std::min_element(known.begin(), known.end(), [&](auto& a, auto& b) {
      return EditDistance(key, a) < EditDistance(key, b);
    });
    status = Fail(ErrorCode::kUsage, fmt::format("{}: unknown key '{}{}'", where, path, key),
                  fmt::format("did you mean '{}{}'?", path, nearest));
  }
  return status;
}

Status CheckChoice(std::string_view where, const char* key, const std::string& value,
                   std::initializer_list<const char*> choices) {
  for (const char* choice : choices) {
    if (value == choice) return {};
  }
  std::string all;
  for (const char* choice : choices) all += (all.empty() ? "" : ", ") + std::string(choice);
  return Fail(ErrorCode::kUsage, fmt::format("{}: '{}' cannot be '{}'", where, key, value),
              "one of: " + all);
}

Status Check(const TenantSpec& s, std::string_view where) {
  const WireSpec& w = s.wire;
  const Status checks[] = {
      CheckChoice(where, "wire.prefer_mode", w.prefer_mode,
                  {"honour", "ignore", "honour-without-empty-facet"}),
      CheckChoice(where, "wire.top", w.top, {"ignore", "honour"}),
      CheckChoice(
          where, "wire.gone_code", w.gone_code,
          {"resyncRequired", "resyncChangesApplyDifferences", "resyncChangesUploadDifferences",
           "resyncApplyDifferences", "resyncUploadDifferences"}),
      CheckChoice(where, "wire.deleted_subtree", w.deleted_subtree, {"all", "folder"}),
      CheckChoice(where, "wire.unshared", w.unshared, {"silent", "unflagged", "flagged"}),
      CheckChoice(where, "wire.shared_changed", w.shared_changed, {"bool", "string"}),
      CheckChoice(where, "wire.inherited_from", w.inherited_from, {"empty", "absent", "full"}),
      CheckChoice(where, "wire.admin_api", w.admin_api, {"open", "refused", "absent"}),
      CheckChoice(where, "sharing_capability", s.sharing_capability,
                  {"disabled", "existingExternalUserSharingOnly", "externalUserSharingOnly",
                   "externalUserAndGuestSharing"}),
      CheckChoice(where, "sharing_domain_mode", s.sharing_domain_mode,
                  {"none", "allowList", "blockList"}),
      CheckChoice(where, "faults.retry_after", s.faults.retry_after,
                  {"int", "decimal", "date", "missing", "mixed"}),
  };
  for (const Status& check : checks) {
    if (!check) return check;
  }
  for (const auto& language : s.languages) {
    if (auto ok = CheckChoice(where, "languages", language, {"en", "de", "ja"}); !ok) return ok;
  }
  const int odd = s.locked_sites + s.archived_sites + s.forbidden_sites + s.missing_sites;
  if (s.sites <= odd) {
    return Fail(ErrorCode::kUsage, fmt::format("{}: no site is left that can be read", where),
                "raise 'sites' above the sum of locked, archived, forbidden and missing ones");
  }
  if (s.items > 0 && s.libraries_per_site < 1) {
    return Fail(ErrorCode::kUsage, fmt::format("{}: items need a library", where));
  }
  if (s.users < 10 || s.languages.empty() || w.delta_page < 1 || w.deleted_page < 1 ||
      w.sites_page < 1 || w.drives_page < 1 || w.permissions_page < 1 || w.members_page < 1 ||
      s.depth < 1 || s.items > 100'000'000) {
    return Fail(ErrorCode::kUsage,
                fmt::format("{}: users must be 10 or more, languages not empty, page sizes and "
                            "depth 1 or more, items 100,000,000 or fewer",
                            where));
  }
  return {};
}

Result<TenantSpec> ParseOnto(TenantSpec spec, std::string_view text, std::string_view where) {
  const json document = json::parse(text, nullptr, false, true);
  if (document.is_discarded()) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is not JSON", where));
  }
  if (auto filled = Fill(spec, document, "", where); !filled) return Fail(filled.error());
  if (auto checked = Check(spec, where); !checked) return Fail(checked.error());
  return spec;
}

struct NamedPreset {
  std::string_view name;
  std::string_view json;
};

// Presets are written as the file a user would write.
constexpr NamedPreset kPresets[] = {
    {"demo", R"({"sites": 12, "personal_sites": 2, "locked_sites": 1, "archived_sites": 1,
      "forbidden_sites": 1, "missing_sites": 1, "renamed_sites": 1, "subsite_rate": 0.4,
      "items": 3000, "unique_rate": 0.03, "odd_name_rate": 0.15, "long_paths": true,
      "users": 1500, "groups": 40, "group_cycles": 2, "large_groups": 1, "big_acl_rate": 0.05,
      "everyone_rate": 0.15, "eeeu_rate": 0.3, "eeeu_admin_rate": 0.1,
      "app_grant_rate": 0.3, "site_sharing_off_rate": 0.15, "site_sharing_guests_rate": 0.15,
      "site_label_rate": 0.2, "item_label_rate": 0.02, "sharepoint_app_rate": 0.3,
      "own_items_rate": 0.2, "channel_sites": 1})"},
    {"small", R"({"sites": 6, "personal_sites": 1, "locked_sites": 1, "forbidden_sites": 1,
      "renamed_sites": 1, "subsite_rate": 0.5, "libraries_per_site": 2, "items": 400,
      "unique_rate": 0.08, "odd_name_rate": 0.2, "users": 60, "groups": 14, "otp_guests": 2,
      "everyone_rate": 0.3, "eeeu_rate": 0.5, "empty_acl_rate": 0.1, "existing_access_rate": 0.1,
      "eeeu_admin_rate": 0.3, "app_grant_rate": 0.6})"},
    {"medium", R"({"sites": 190, "personal_sites": 10, "locked_sites": 2, "archived_sites": 2,
      "forbidden_sites": 2, "missing_sites": 2, "renamed_sites": 4, "subsite_rate": 0.15,
      "libraries_per_site": 4, "items": 100000, "long_paths": true, "users": 3000, "groups": 200,
      "large_groups": 3, "hidden_groups": 2, "deleted_groups": 3, "group_cycles": 3,
      "big_acl_rate": 0.01})"},
    {"large", R"({"sites": 990, "personal_sites": 10, "subsite_rate": 0, "libraries_per_site": 4,
      "lists_per_site": 1, "list_items": 10, "items": 1000000, "folder_rate": 0.09,
      "unique_rate": 0.02, "odd_name_rate": 0.02, "users": 10000, "groups": 1500,
      "large_groups": 20, "hidden_groups": 5, "deleted_groups": 5})"},
};

}  // namespace

Result<TenantSpec> TenantSpec::Preset(std::string_view name) {
  for (const auto& preset : kPresets) {
    if (preset.name == name) return ParseOnto(TenantSpec(), preset.json, name);
  }
  return Fail(ErrorCode::kUsage, fmt::format("there is no preset '{}'", name),
              "one of: demo, small, medium, large");
}

std::vector<std::string> TenantSpec::PresetNames() {
  std::vector<std::string> names;
  for (const auto& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

Result<TenantSpec> TenantSpec::Parse(std::string_view json, std::string_view where) {
  return ParseOnto(TenantSpec(), json, where);
}

Status TenantSpec::Set(std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Fail(ErrorCode::kUsage, fmt::format("'{}' is not KEY=VALUE", assignment));
  }
  const std::string key(assignment.substr(0, equals)), text(assignment.substr(equals + 1));
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) value = text;
  json document = json::object();
  const auto dot = key.find('.');
  if (dot == std::string::npos) {
    document[key] = std::move(value);
  } else {
    document[key.substr(0, dot)][key.substr(dot + 1)] = std::move(value);
  }
  auto changed = ParseOnto(*this, document.dump(), assignment);
  if (!changed) return Fail(changed.error());
  *this = *std::move(changed);
  return {};
}

Result<TenantSpec> TenantSpec::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Fail(ErrorCode::kUsage, fmt::format("cannot read the tenant spec {}", path));
  }
  std::stringstream text;
  text << file.rdbuf();
  return Parse(text.str(), path);
}

}  // namespace spa
