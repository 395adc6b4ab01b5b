#include "permissions/findings/facts.h"

namespace spa {
namespace {

// `sql` gives true where it is there; one that cannot be prepared asks for what this program does
// not store. An empty one: nothing reads it.
struct Fact {
  std::string_view name;
  const char* sql;
  const char* missing;
};

constexpr Fact kFacts[] = {
    {"allowed_domains", "SELECT EXISTS (SELECT 1 FROM allowed_domain)",
     "findings.allowed_guest_domains names no domain"},
    {"app_grants", "SELECT EXISTS (SELECT 1 FROM site_scope WHERE source = 'graph')",
     "the applications with a grant for a site were not read: that needs Sites.FullControl.All"},
    {"directory", "SELECT EXISTS (SELECT 1 FROM principal WHERE kind = 'user')",
     "whether people still exist in the directory was not asked"},
    {"group_settings", "SELECT EXISTS (SELECT 1 FROM group_info WHERE members_edit IS NOT NULL)",
     "the settings of site groups were not read: that needs SharePoint REST"},
    {"group_types", "SELECT EXISTS (SELECT 1 FROM principal WHERE kind = 'group')",
     "which groups are dynamic was not asked"},
    {"group_visibility", "SELECT EXISTS (SELECT 1 FROM principal WHERE kind = 'group')",
     "the visibility of groups was not asked"},
    {"guest_states",
     "SELECT NOT EXISTS (SELECT 1 FROM person WHERE user_type = 'guest') OR EXISTS (SELECT 1 FROM "
     "member WHERE external_state IS NOT NULL) OR EXISTS (SELECT 1 FROM principal WHERE "
     "user_type = 'guest')",
     "whether guests accepted their invitation was not asked"},
    {"labels", "", "sensitivity labels of sites and files are not read"},
    {"long_history",
     "SELECT EXISTS (SELECT 1 FROM run r, latest_run l WHERE r.number < l.run AND r.started_at < "
     "(SELECT day FROM threshold WHERE name = 'link_stale_days'))",
     "Graph tells no date of creation, and this database does not know the tenant for long enough"},
    {"rights", "SELECT EXISTS (SELECT 1 FROM acl_grant WHERE rights IS NOT NULL)",
     "the rights behind levels were not read: that needs SharePoint REST"},
    {"sign_ins", "", "sign-ins of guests are not read (AuditLog.Read.All and Entra ID P1)"},
    {"site_admins", "SELECT EXISTS (SELECT 1 FROM site_scope WHERE source = 'rest')",
     "site collection administrators were not read: that needs SharePoint REST"},
    {"site_groups", "SELECT EXISTS (SELECT 1 FROM group_info WHERE kind = 'site_group')",
     "site groups were not read: that needs SharePoint REST"},
    {"site_sharing", "",
     "what a site allows to share is not read (SharePoint's administration alone tells it)"},
    {"tenant_settings", "", "the tenant's sharing settings are not read"},
};

}  // namespace

const std::string& Facts::Why(std::string_view name) {
  const auto [found, fresh] = known_.try_emplace(std::string(name));
  if (!fresh) return found->second;
  found->second = "unknown fact " + std::string(name);
  for (const Fact& fact : kFacts) {
    if (fact.name != name) continue;
    sqlite3_stmt* statement = nullptr;
    const bool there =
        fact.sql[0] != '\0' &&
        sqlite3_prepare_v2(db_.handle(), fact.sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) != 0;
    sqlite3_finalize(statement);
    found->second = there ? "" : fact.missing;
  }
  return found->second;
}

std::string Facts::Missing(std::string_view names) {
  std::string all;
  while (!names.empty()) {
    const std::size_t space = names.find(' ');
    const std::string& why = Why(names.substr(0, space));
    if (!why.empty()) all += (all.empty() ? "" : "; ") + why;
    names.remove_prefix(space == std::string_view::npos ? names.size() : space + 1);
  }
  return all;
}

}  // namespace spa
