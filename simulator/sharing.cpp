#include "simulator/sharing.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

namespace spa::sim {

int TenantSharing(const TenantSpec& spec) {
  return spec.sharing_capability == "disabled"                      ? 0
         : spec.sharing_capability == "externalUserSharingOnly"     ? 1
         : spec.sharing_capability == "externalUserAndGuestSharing" ? 2
                                                                    : 3;
}

int SiteSharing(const SimulatedTenant& tenant, const Web& root) {
  const TenantSpec& spec = tenant.spec();
  double pick = Unit(Hash(spec.seed, 0x73686172, HashText(root.id)));
  if (pick < spec.site_sharing_off_rate) return 0;
  pick -= spec.site_sharing_off_rate;
  if (pick < spec.site_sharing_guests_rate) return 1;
  pick -= spec.site_sharing_guests_rate;
  return pick < spec.site_sharing_existing_rate ? 3 : 2;
}

bool LetsGuestsIn(const SimulatedTenant& tenant, const Web& root) {
  return TenantSharing(tenant.spec()) != 0 && SiteSharing(tenant, root) != 0;
}

bool LetsAnyoneIn(const SimulatedTenant& tenant, const Web& root) {
  return TenantSharing(tenant.spec()) == 2 && SiteSharing(tenant, root) == 2;
}

std::string LabelId(const TenantSpec& spec, std::string_view name) {
  return Text(MakeGuid(Hash(spec.seed, 0x6c61626c, HashText(name))));
}

std::string SiteLabel(const SimulatedTenant& tenant, const Web& root) {
  const TenantSpec& spec = tenant.spec();
  const std::uint64_t hash = Hash(spec.seed, 0x736c6162, HashText(root.id));
  if (spec.labels.empty() || Unit(hash) >= spec.site_label_rate) return {};
  return LabelId(spec, spec.labels[Hash(hash, 1) % spec.labels.size()]);
}

std::string ItemLabel(const SimulatedTenant& tenant, const Library& library, std::uint32_t item) {
  const TenantSpec& spec = tenant.spec();
  const std::uint64_t hash = Hash(library.seed, item, 0x696c6162);
  if (spec.labels.empty() || Unit(hash) >= spec.item_label_rate) return {};
  if (tenant.IsFolder(library, item)) return {};
  return spec.labels[Hash(hash, 1) % spec.labels.size()];
}

bool ShowsOwnItems(const SimulatedTenant& tenant, const GenericList& list) {
  return Unit(Hash(list.seed, 80)) < tenant.spec().own_items_rate;
}

std::string LastSignIn(const SimulatedTenant& tenant, std::uint32_t user) {
  const TenantSpec& spec = tenant.spec();
  if (tenant.directory().UserAt(user).pending) return {};
  if (Unit(Hash(spec.seed, 0x7369676e, user)) < spec.stale_guest_rate) {
    return "2025-02-03T04:05:06Z";
  }
  const auto yesterday = std::chrono::system_clock::now() - std::chrono::hours(24);
  return fmt::format("{:%Y-%m-%d}T08:30:00Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(yesterday)));
}

}  // namespace spa::sim
