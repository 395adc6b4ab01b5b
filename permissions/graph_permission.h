// Graph's `permission` resource read into a Grant (permissions.md 1.3 to 1.5). The same entry comes
// in different shapes over time, so everything is normalised here and nothing raw is compared
// later.
#pragma once

#include <string_view>

#include "core/graph/graph_client.h"
#include "core/model.h"

namespace spa {

// A page of /permissions. Entries that grant nothing (existingAccess links, Limited Access) come
// out with Role::kNone: evidence, not access.
Result<Page<Grant>> DecodePermissions(std::string_view body);

// Applications with a grant of their own to a site (permissions.md 2.1). The collection leaves out
// the roles: it serves for the ids, each of which is then read for itself.
Result<Page<std::string>> DecodeAppGrantIds(std::string_view body);
// One grant for each application that the permission names. `roles` are the levels.
Result<std::vector<Grant>> DecodeAppGrant(std::string_view body);

}  // namespace spa
