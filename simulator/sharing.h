// What the simulated tenant and its sites let people share, and the labels in it: truths beside the
// permissions (permissions.md 2.4, 3.8, 7.2).
#pragma once

#include <string>
#include <string_view>

#include "simulator/simulated_tenant.h"

namespace spa::sim {

// SharingCapability as SharePoint numbers it: 0 disabled, 1 new and existing guests, 2 anyone,
// 3 existing guests. `root`: the topmost web of a collection.
int SiteSharing(const SimulatedTenant& tenant, const Web& root);
int TenantSharing(const TenantSpec& spec);

// Whether both tenant and site let guests in, and anonymous links work.
bool LetsGuestsIn(const SimulatedTenant& tenant, const Web& root);
bool LetsAnyoneIn(const SimulatedTenant& tenant, const Web& root);

// The id of the site's label; empty: none. The label's name of a file; empty: none.
std::string SiteLabel(const SimulatedTenant& tenant, const Web& root);
std::string LabelId(const TenantSpec& spec, std::string_view name);
std::string ItemLabel(const SimulatedTenant& tenant, const Library& library, std::uint32_t item);

// The list shows people, and lets them change, only what they made (permissions.md 3.4).
bool ShowsOwnItems(const SimulatedTenant& tenant, const GenericList& list);

// When a guest signed in last; empty: never. permissions.md 5.
std::string LastSignIn(const SimulatedTenant& tenant, std::uint32_t user);

}  // namespace spa::sim
