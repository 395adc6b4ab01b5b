// Compares what `export access` says with what is true, row by row. Small tenants: all rows are
// kept.
#pragma once

#include <cstddef>
#include <string>

#include "tests/system/tenant.h"

namespace spa::testing {

struct AccessComparison {
  std::size_t expected = 0, found = 0;  // rows
  std::size_t missing = 0, extra = 0, different = 0;
  std::string report;  // the first few of each; empty where all is equal
};

// Every field of every row, paths as sets.
AccessComparison CompareAccess(const Tenant& tenant, const Words& more = {});
// Fails the test where anything is not as it should be.
void CheckEqual(const AccessComparison& comparison);

// A row of the truth or the export in one spelling: names in lower case, a path as "kind:id > …".
nlohmann::json NormalRow(const nlohmann::json& row);
std::vector<nlohmann::json> TrueAccessRows(const Tenant& tenant);
// Names the object and who reaches it.
std::string KeyOf(const nlohmann::json& row);

}  // namespace spa::testing
