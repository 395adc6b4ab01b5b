// AccessTruth: who reaches what in the tenant, walked from the model itself and never from the
// answers of the services: what a perfect audit would export as access (permissions.md 7.2).
//
// One JSON line per (object that owns a scope, person or audience), with the fields of `export
// access`; a path is a list of "kind:id". Members of groups that nobody may read are not in it:
// their scopes have the bound "lower".
//
// Lifetime: the tenant must outlive the stream.
#pragma once

#include <string>

#include "simulator/simulated_tenant.h"
#include "simulator/truth.h"

namespace spa::sim {

// `now`: links that end before are closed ("2026-11-20T08:20:11Z").
LineStream TrueAccess(const SimulatedTenant& tenant, std::string origin, std::string now);

}  // namespace spa::sim
