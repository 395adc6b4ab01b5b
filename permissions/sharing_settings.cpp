#include "permissions/sharing_settings.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/graph/json.h"
#include "core/http/url.h"
#include "core/sharing.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTenantUnits = 1;
constexpr std::string_view kNoId = "00000000-0000-0000-0000-000000000000";

// As Graph spells what SharePoint numbers from 0 (permissions.md 2.4, 3.8).
constexpr std::array<std::pair<std::string_view, Sharing>, 4> kSharing = {
    {{"disabled", Sharing::kOff},
     {"externalUserSharingOnly", Sharing::kGuests},
     {"externalUserAndGuestSharing", Sharing::kAnyone},
     {"existingExternalUserSharingOnly", Sharing::kExistingGuests}}};

Json Domains(const json::Element& settings, std::string_view key) {
  Json domains = Json::array();
  json::Each(settings, key, [&](const json::Element& domain) {
    std::string_view text;
    if (domain.get_string().get(text) == simdjson::SUCCESS) domains.push_back(AsciiLower(text));
  });
  return domains;
}

Json OrNull(const std::optional<bool>& flag) { return flag ? Json(*flag) : Json(nullptr); }

std::string IdOrNothing(const json::Element& site, std::string_view key) {
  std::string id = AsciiLower(json::Text(site, key));
  return id == kNoId ? "" : id;
}

std::string TextOf(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The collection in "host,collection,web".
std::string CollectionId(const std::string& site_id) {
  const auto first = site_id.find(',');
  const auto second = first == std::string::npos ? first : site_id.find(',', first + 1);
  return second == std::string::npos ? "" : site_id.substr(first + 1, second - first - 1);
}

}  // namespace

std::string AdminOrigin(const std::string& tenant_url) {
  const Url tenant = SplitUrl(tenant_url);
  if (!tenant.valid) return {};
  const auto dot = tenant.authority.find('.');
  std::string name = tenant.authority.substr(0, dot);
  // A loopback service is its own administration.
  if (IsLoopbackHost(tenant.host) || dot == std::string::npos) {
    return tenant.scheme + "://" + tenant.authority;
  }
  for (const std::string_view sibling : {"-my", "-admin"}) {
    if (name.ends_with(sibling)) name.resize(name.size() - sibling.size());
  }
  return fmt::format("{}://{}-admin{}", tenant.scheme, name, tenant.authority.substr(dot));
}

Result<std::string> DecodeTenantSharing(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  // The documentation shows the object within "value" (permissions.md 2.4).
  const json::Element settings = json::Find(*root, "value").value_or(*root);
  const std::string_view word = json::Text(settings, "sharingCapability");
  if (word.empty()) {
    return Fail(ErrorCode::kMalformed, "the answer does not say what the tenant lets people share");
  }
  Sharing sharing = Sharing::kUnknown;
  for (const auto& [name, each] : kSharing) {
    if (name == word) sharing = each;
  }
  const std::string_view mode = json::Text(settings, "sharingDomainRestrictionMode");
  Json kept;
  kept["sharing"] = Name(sharing);
  kept["domain_mode"] = mode == "allowList" ? "allow" : mode == "blockList" ? "block" : mode;
  kept["allowed_domains"] = Domains(settings, "sharingAllowedDomainList");
  kept["blocked_domains"] = Domains(settings, "sharingBlockedDomainList");
  kept["resharing_by_guests"] = OrNull(json::Bool(settings, "isResharingByExternalUsersEnabled"));
  return TextOf(kept);
}

Result<std::string> DecodeSiteSharing(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  const auto number = json::Int(*root, "SharingCapability");
  if (!number) {
    return Fail(ErrorCode::kMalformed, "the answer does not say what the site lets people share");
  }
  const bool known = *number >= 0 && *number < static_cast<std::int64_t>(kSharing.size());
  Json kept;
  kept["sharing"] =
      Name(known ? kSharing[static_cast<std::size_t>(*number)].second : Sharing::kUnknown);
  kept["label"] = IdOrNothing(*root, "SensitivityLabel");
  kept["group_id"] = IdOrNothing(*root, "GroupId");
  return TextOf(kept);
}

SharingSettings::SharingSettings(Parts parts, const std::string& tenant_url)
    : parts_(parts), admin_(AdminOrigin(tenant_url)) {}

Task<void> SharingSettings::ReadTenant() {
  GraphRead read("/admin/sharepoint/settings", "reading what the tenant lets people share",
                 kTenantUnits);
  auto settings = co_await parts_.batches.Get(std::move(read), &DecodeTenantSharing);
  if (settings) {
    co_await parts_.store.Do(
        [&](AuditStore& store) { return store.PutSetting("tenant_sharing", *settings); });
    co_return;
  }
  Error error = std::move(settings.error());
  AbortIfFatal(error);
  if (error.code == ErrorCode::kForbidden) error.remedy = "grant SharePointTenantSettings.Read.All";
  co_await parts_.store.PutGap(std::nullopt, "sharing settings of the tenant", error);
}

Task<void> SharingSettings::ReadSite(Site site) {
  const std::string collection = CollectionId(site.id);
  if (parts_.sharepoint == nullptr || refused_ || admin_.empty()) co_return;
  auto settings = co_await parts_.sharepoint->Get(
      fmt::format("{}/_api/SPO.Tenant/sites('{}')?$select=SharingCapability,SensitivityLabel,"
                  "GroupId",
                  admin_, collection),
      "reading what " + site.web_url + " lets people share", &DecodeSiteSharing);
  if (settings) {
    answered_ = true;
    co_await parts_.store.Do(
        [&](AuditStore& store) { return store.PutSetting("site_sharing:" + site.id, *settings); });
    co_return;
  }
  Error error = std::move(settings.error());
  if (error.code == ErrorCode::kThrottled || error.code == ErrorCode::kStorage) {
    throw RunAborted(error);
  }
  // Its own refusal says nothing about the site; one of a site is told for that site.
  if (answered_) {
    co_await parts_.store.PutGap(std::nullopt, "sharing settings of " + site.web_url, error);
    co_return;
  }
  if (std::exchange(refused_, true)) co_return;
  error.remedy = "what blocks access, and the rules about sites, stay without these settings";
  co_await parts_.store.PutGap(std::nullopt, "sharing settings of sites", error);
}

}  // namespace spa
