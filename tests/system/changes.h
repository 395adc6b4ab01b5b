// Changes of a simulated tenant between two audits.
#pragma once

#include <string>

#include "tests/system/tenant.h"

namespace spa::testing {

// Kinds of changes that an audit must notice the next time. Missing: link.expiry, of which nobody
// tells.
nlohmann::json Kinds();

// Does it, as docs/simulator.md has it; what was done.
nlohmann::json Change(Tenant& tenant, const nlohmann::json& what);

// What the database, by its name in the tenant's folder, tells about every object.
std::string Exported(const Tenant& tenant, const std::string& database);

}  // namespace spa::testing
