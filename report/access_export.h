// Exports of access: who reaches each permission scope, and what the groups behind it are.
//
// What a scope's grants come to is concluded elsewhere (permissions/access/), and given in as a
// function, so that the rooms need not know each other. Order, formats and errors: report/export.h.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/access.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "report/export.h"

namespace spa {

// Hands each of those who reach the scope of `owner` to `use`, until that returns false.
using ReachesOf = std::function<void(Oid owner, const std::function<bool(const Reach&)>& use)>;
// Made over the export's own snapshot; lives no longer than that.
using OpenAccess = std::function<ReachesOf(sqlite::Database& db, RunNo run)>;

// One line per (scope, person or audience): object_type, object_id, object_url, audience, user_id,
// user_principal_name, user_type, role, needs_link, blocked_by, paths; then bound and more_paths.
// In CSV a path is its hops' "kind:id" joined with " > ".
Status ExportAccess(const ExportOptions& options, const OpenAccess& open, int fd);

struct ExportedGroup {
  ExportedGroup() = default;
  std::string_view kind, id, name, site_id, link_id, state;
  std::vector<std::string> members;     // "user:ID", "group:ID", … in order
  std::vector<std::string> member_of;   // keys of the groups it stands in
  std::vector<std::string> granted_on;  // "library:ID", … the objects whose scopes name it
};
using EachGroup = std::function<void(const std::function<bool(const ExportedGroup&)>& use)>;
using OpenGroups = std::function<EachGroup(sqlite::Database& db, RunNo run)>;

// One line per group: group_kind, group_id, group_name, site_id, link_id, state, members,
// member_of, granted_on.
Status ExportGroups(const ExportOptions& options, const OpenGroups& open, int fd);

}  // namespace spa
