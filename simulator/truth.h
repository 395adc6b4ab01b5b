// Truth: what a perfect audit of the tenant would report, walked from the model itself and never
// from the answers of the services.
//
// Each stream writes JSON lines, a site's worth of objects at a time, so that a tenant of any size
// can be read. Objects of sites that cannot be opened are left out, except the site itself in
// Objects. `origin` begins every URL ("http://127.0.0.1:8080").
//
// Lifetime: the tenant must outlive the streams.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "simulator/simulated_tenant.h"

namespace spa::sim {

// Appends the next piece; false when nothing is left.
using LineStream = std::function<bool(std::string&)>;

// One line per (object, grant), with the fields of `export permissions --all`.
LineStream TruePermissions(const SimulatedTenant& tenant, std::string origin);
// One line per object: object_type, object_id, object_url, inherits, scope_object_id, state.
LineStream TrueObjects(const SimulatedTenant& tenant, std::string origin);
// One line per directory group: id, direct members, transitive users and groups, owners.
LineStream TrueGroups(const SimulatedTenant& tenant);

// The cheapest audit the scan guidance allows: ⌈S/200⌉ + ⌈W/20⌉ + Σ⌈(n+1)/200⌉ + ⌈(U+A)/20⌉ +
// ⌈G/20⌉ + ⌈P/20⌉ Graph requests. A: the grants of applications, one listing a collection and one
// read each. P: people who are named and stand in no group. G: groups, also those within groups:
// what it is and who is in it, or who owns it.
struct Floor {
  std::uint64_t site_pages = 0;
  std::uint64_t webs = 0, web_batches = 0;
  std::uint64_t drives = 0, delta_pages = 0;
  std::uint64_t unique_items = 0, app_reads = 0, permission_batches = 0, app_batches = 0;
  std::uint64_t groups = 0, group_batches = 0;
  std::uint64_t people = 0, people_batches = 0;
  std::uint64_t requests = 0;
  // An audit that knows all from before and finds nothing changed asks for sites, webs, the changes
  // of each drive by batches, and groups: ⌈S/200⌉ + ⌈W/20⌉ + ⌈D/20⌉ + ⌈A/20⌉ + ⌈G/20⌉ + ⌈P/20⌉.
  std::uint64_t drive_batches = 0, quiet_requests = 0;
};
Floor FloorOf(const SimulatedTenant& tenant);  // Walks every item: seconds for ten million.

}  // namespace spa::sim
